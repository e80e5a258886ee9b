import { join } from 'node:path';
import { codes } from '../../policy/codes.ts';
import { formatSource } from '../../policy/source.ts';
import type { Note, StaticPlan } from '../../static/plan.ts';
import { type Form, forms, type RenderedFile, type Rendering, renderMark } from '../../static/rendering.ts';
import type { Context } from '../context.ts';
import { showProblems, sourceJson } from '../diagnostics.ts';
import { CliError } from '../error.ts';
import type { Exit } from '../exit.ts';
import type { Given } from '../given.ts';
import { hasErrors, type LoadedPolicy, loadPolicy } from '../loaded-policy.ts';
import { FileError, isMissing } from '../ports.ts';
import { counted, safe, wrap } from '../text.ts';
import { worldFor } from '../worlds.ts';

/** `sluice render`: the policy as files that work without Sluice. */
export async function render(context: Context, given: Given): Promise<Exit> {
  const form = formOf(given.text('as'));
  const folder = given.text('output');
  const { renderPlan, reverseOf } = await import('../../static/render.ts');
  const reverse = reverseOf(form);
  if (given.flag('reverse')) {
    await show(context, { form, files: [reverse], text: () => reverse.text, notes: [] }, folder);
    return 'ok';
  }
  const loaded = await loadPolicy(context);
  if (loaded.policy === null || hasErrors(loaded.diagnostics)) {
    await showProblems(context, 'render', loaded, 'Nothing was rendered.');
    return 'no';
  }
  const plan = await planFor(context, loaded, given.text('world'));
  if (plan.senders.length === 0)
    throw new CliError(
      'no',
      plan.notes.map((one) => safe(one.text)).join('; ') ||
        'this policy denies nothing to anybody here: there is nothing to write',
    );
  const rendering = renderPlan(plan, form);
  const files = folder === undefined ? rendering.files : [...rendering.files, reverse];
  const notes = [...namesIn(loaded), ...warningsOf(plan)];
  await show(context, { form, files, text: () => printed(rendering), notes }, folder);
  return 'ok';
}

interface Shown {
  readonly form: Form;
  readonly files: readonly RenderedFile[];
  /** What is printed where no folder is named. Throws a CliError where it cannot be one text. */
  readonly text: () => string;
  readonly notes: readonly Note[];
}

async function show(context: Context, { form, files, text, notes }: Shown, folder: string | undefined): Promise<void> {
  const { screen, settings } = context;
  const whole = folder === undefined && !settings.json ? text() : null;
  for (const one of notes) screen.warn(safe(noteText(one)));
  if (whole !== null) {
    screen.raw(whole);
    return;
  }
  const written = folder === undefined ? [] : await write(context, folder, files);
  screen.show({ command: 'render', version: 1, as: form, files, written, warnings: notes.map(noteJson) }, ({ width }) =>
    wrap(`${counted(written.length, 'file')}: ${written.map(safe).join(', ')}`, width),
  );
}

function formOf(text: string | undefined): Form {
  const form = forms.find((one) => one === text);
  if (form !== undefined) return form;
  const message =
    text === undefined ? 'what to render it as is missing' : `"${safe(text)}" is nothing it can be rendered as`;
  throw new CliError('usage', message, `one of: ${forms.map((one) => `--as ${one}`).join(', ')}`);
}

async function planFor(
  context: Context,
  { policy, texts, now }: LoadedPolicy,
  world: string | undefined,
): Promise<StaticPlan> {
  const [{ makePlan }, { readComposeProject }] = await Promise.all([
    import('../../static/make-plan.ts'),
    import('../../static/compose-file.ts'),
  ]);
  const compose = texts.filter(({ role }) => role === 'compose').flatMap((text) => readComposeProject(text) ?? []);
  return makePlan(policy as NonNullable<LoadedPolicy['policy']>, await worldFor(context, world), compose, now);
}

/** One file as it is; what goes with it follows as remarks, so that a redirection makes a good file. */
function printed({ files, needsAll }: Rendering): string {
  const [first, ...more] = files;
  if (more.length > 0 && needsAll)
    throw new CliError(
      'usage',
      `it takes ${counted(files.length, 'file')}: ${files.map(({ name }) => name).join(', ')}`,
      'name a folder for them: --output DIR',
    );
  return [first.text, ...more.map(asRemarks)].join('\n');
}

function asRemarks({ name, text }: RenderedFile): string {
  const lines = text.trimEnd().split('\n');
  return `# Beside it, ${name} (--output DIR writes both):\n#\n${lines.map((line) => (line === '' ? '#' : `#   ${line}`)).join('\n')}\n`;
}

/** Writes all of them, or none where one would take the place of a file that somebody else wrote. */
async function write({ ports }: Context, folder: string, files: readonly RenderedFile[]): Promise<readonly string[]> {
  const paths = files.map(({ name, text }) => ({ path: join(folder, name), text }));
  for (const { path } of paths)
    if (await isOfOthers(path, ports.files))
      throw new CliError(
        'unable',
        `${safe(path)} is there, and "sluice render" did not write it`,
        'move it away, or name another folder with --output and put the files where you want them (systemd reads every *.conf of docker.service.d)',
      );
  for (const { path, text } of paths) await ports.files.replace(path, text);
  return paths.map(({ path }) => path);
}

/** Bytes of a file that is looked at; none that is rendered is near that. */
const longest = 64 << 20;

async function isOfOthers(path: string, files: Context['ports']['files']): Promise<boolean> {
  try {
    return !(await files.read(path, longest)).text.includes(renderMark);
  } catch (error) {
    if (isMissing(error)) return false;
    if (error instanceof FileError) return true; // too large, or no text
    throw error;
  }
}

/** DNS names, which allow nothing: the policy's own warnings say so. */
function namesIn({ diagnostics }: LoadedPolicy): readonly Note[] {
  return diagnostics
    .filter(({ code }) => code === codes.nameNotEnforced.code)
    .map(({ message, source }) => ({ text: message, source, compose: [], warn: true }));
}

function warningsOf({ notes, senders }: StaticPlan): readonly Note[] {
  const all = [...notes, ...senders.flatMap((sender) => sender.notes)].filter(({ warn }) => warn);
  return [...new Map(all.map((one) => [noteText(one), one])).values()];
}

function noteText({ source, text }: Note): string {
  return source === null ? text : `${formatSource(source)}: ${text}`;
}

function noteJson({ text, source, compose }: Note): object {
  return { message: text, source: source === null ? null : sourceJson(source), compose };
}
