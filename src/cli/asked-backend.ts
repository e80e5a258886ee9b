import { type BackendChoice, backendChoices } from '../enforce/backend.ts';
import { CliError } from './error.ts';

/** What `--backend` asks for; null when it was not given. */
export function askedBackend(text: string | undefined): BackendChoice | null {
  if (text === undefined) return null;
  const choice = backendChoices.find((one) => one === text);
  if (choice === undefined)
    throw new CliError('usage', `there is no backend ${JSON.stringify(text)}`, `one of ${backendChoices.join(', ')}`);
  return choice;
}
