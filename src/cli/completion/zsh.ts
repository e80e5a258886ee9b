import type { ArgSpec, CommandSpec, OptionSpec } from '../spec.ts';
import { helpOption, optionWord, takesValue, versionOption } from './words.ts';

/** A completion function for zsh, for a folder of fpath. */
export function zshCompletion(specs: readonly CommandSpec[], globals: readonly OptionSpec[]): string {
  const everywhere = [...globals, helpOption].map(optionLine);
  return `#compdef sluice
# zsh completion for sluice; made by \`sluice completion zsh\`
_sluice() {
  local context state state_descr line
  typeset -A opt_args
  _arguments -C \\
    ${[...everywhere, optionLine(versionOption), "'1:command:->command'", "'*::argument:->argument'"].join(' \\\n    ')}
  case $state in
    command)
      local -a commands
      commands=(
${[...specs.map(({ name, summary }) => quoted(`${name}:${colon(summary)}`)), quoted('help:show help for a command')].map((text) => `        ${text}`).join('\n')}
      )
      _describe command commands ;;
    argument)
      case $line[1] in
${specs.map((spec) => commandCase(spec, everywhere)).join('\n')}
        help) _values command ${specs.map(({ name }) => name).join(' ')} ;;
      esac ;;
  esac
}
_sluice "$@"
`;
}

function commandCase(spec: CommandSpec, everywhere: readonly string[]): string {
  const lines = [...spec.options.map(optionLine), ...everywhere, ...spec.args.map(argumentLine)];
  return `        ${spec.name})\n          _arguments ${lines.join(' \\\n            ')} ;;`;
}

function optionLine(option: OptionSpec): string {
  const text = option.text.replaceAll('[', '(').replaceAll(']', ')');
  const action = { file: '_files', directory: '_files -/', none: ' ' }[option.completes ?? 'none'];
  const value = takesValue(option) ? `:value:${action}` : '';
  return quoted(`${optionWord(option)}[${colon(text)}]${value}`);
}

function argumentLine({ form, completes }: ArgSpec, index: number): string {
  const action = completes === undefined ? ' ' : completes === 'file' ? '_files' : `(${completes.join(' ')})`;
  return quoted(`${form.includes('...') ? '*' : index + 1}:${form.replace(/[<>[\].]/g, '')}:${action}`);
}

function colon(text: string): string {
  return text.replaceAll(':', '\\:');
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
