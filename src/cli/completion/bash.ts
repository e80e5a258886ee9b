import type { CommandSpec, OptionSpec } from '../spec.ts';
import { argumentCompletes, helpOption, optionWord, takesValue, versionOption } from './words.ts';

/** A completion script for bash; it needs nothing of bash-completion. */
export function bashCompletion(specs: readonly CommandSpec[], globals: readonly OptionSpec[]): string {
  const options = [...globals, ...specs.flatMap((spec) => spec.options)];
  const valued = options.filter(takesValue);
  const valuesOf = (completes: OptionSpec['completes']) =>
    [...new Set(valued.filter((option) => option.completes === completes).map(optionWord))].join('|');
  const words = (list: readonly OptionSpec[]) => list.map(optionWord).join(' ');
  const globalWords = words([...globals, helpOption]);
  return `# bash completion for sluice; made by \`sluice completion bash\`
_sluice() {
  local word=\${COMP_WORDS[COMP_CWORD]} before=\${COMP_WORDS[COMP_CWORD - 1]} command= i
  COMPREPLY=()
  case $before in
    ${valuesOf('file')}) compopt -o filenames; mapfile -t COMPREPLY < <(compgen -f -- "$word"); return ;;
    ${valuesOf('directory')}) compopt -o filenames; mapfile -t COMPREPLY < <(compgen -d -- "$word"); return ;;
    ${valuesOf(undefined)}) return ;;
  esac
  for ((i = 1; i < COMP_CWORD; i++)); do
    case \${COMP_WORDS[i]} in
      ${[...new Set(valued.map(optionWord))].join('|')}) ((i++)) ;;
      -*) ;;
      *) command=\${COMP_WORDS[i]}; break ;;
    esac
  done
  local words=
  case $command in
    '') words='${specs.map(({ name }) => name).join(' ')} help ${globalWords} ${optionWord(versionOption)}' ;;
    help) words='${specs.map(({ name }) => name).join(' ')}' ;;
${specs.map((spec) => `    ${spec.name}) words='${caseWords(spec, globalWords)}' ;;`).join('\n')}
  esac
  mapfile -t COMPREPLY < <(compgen -W "$words" -- "$word")
${filesCase(specs)}}
complete -F _sluice sluice
`;
}

function caseWords(spec: CommandSpec, globalWords: string): string {
  const completes = argumentCompletes(spec);
  const values = completes === undefined || completes === 'file' ? [] : completes;
  return [...values, ...spec.options.map(optionWord), globalWords].join(' ');
}

function filesCase(specs: readonly CommandSpec[]): string {
  const names = specs.filter((spec) => argumentCompletes(spec) === 'file').map(({ name }) => name);
  if (names.length === 0) return '';
  return `  case $command in
    ${names.join('|')})
      if [[ $word != -* ]]; then compopt -o filenames; mapfile -t COMPREPLY < <(compgen -f -- "$word"); fi ;;
  esac
`;
}
