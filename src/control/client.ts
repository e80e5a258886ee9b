import { request } from 'node:http';
import { connect } from 'node:net';
import { ControlError } from './error.ts';
import type { ApplyAnswer, ApplyRequest, ConfirmAnswer, Refusal, RollbackRequest, Status } from './protocol.ts';

/** A daemon that listens. Every call throws ControlError when it does not come back as it should. */
export interface Daemon {
  status(): Promise<Status>;
  apply(request: ApplyRequest): Promise<ApplyAnswer>;
  rollback(request: RollbackRequest): Promise<ApplyAnswer>;
  confirm(): Promise<ConfirmAnswer>;
  /** It has been told; it ends soon after. */
  stop(): Promise<void>;
}

/** Milliseconds for an answer, and bytes of it. */
const quick = 5_000;
const thorough = 120_000;
const longest = 64 * 1024 * 1024;

/**
 * The daemon behind a control socket.
 *
 * @returns null when no daemon listens there
 * @throws ControlError `not-allowed` when it is not ours to ask, `no-answer` when nobody takes the connection
 */
export async function connectDaemon(path: string): Promise<Daemon | null> {
  if (!(await isListening(path))) return null;
  const ask = <T>(method: string, to: string, time: number, body?: object) =>
    exchange(path, method, to, time, body) as Promise<T>;
  return {
    status: () => ask('GET', '/v1/status', quick),
    apply: (body) => ask('POST', '/v1/apply', thorough, body),
    rollback: (body) => ask('POST', '/v1/rollback', thorough, body),
    confirm: () => ask('POST', '/v1/confirm', thorough, {}),
    stop: async () => void (await ask('POST', '/v1/stop', quick, {})),
  };
}

function isListening(path: string): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const socket = connect(path);
    const timer = setTimeout(() => {
      socket.destroy();
      reject(new ControlError('no-answer', `whatever listens at ${path} takes no connection`));
    }, quick);
    socket.on('connect', () => {
      clearTimeout(timer);
      socket.destroy();
      resolve(true);
    });
    socket.on('error', (error: NodeJS.ErrnoException) => {
      clearTimeout(timer);
      if (['ENOENT', 'ENOTDIR', 'ECONNREFUSED', 'ENOTSOCK'].includes(error.code ?? '')) resolve(false);
      else if (error.code === 'EACCES' || error.code === 'EPERM')
        reject(new ControlError('not-allowed', `only root may talk to the daemon (${path})`));
      else reject(new ControlError('no-answer', `the daemon at ${path} cannot be asked: ${error.message}`));
    });
  });
}

function exchange(socketPath: string, method: string, path: string, time: number, body?: object): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const fail = (words: string) => reject(new ControlError('no-answer', `the daemon at ${socketPath} ${words}`));
    const text = body === undefined ? '' : JSON.stringify(body);
    const headers = { Host: 'sluice', 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(text) };
    const call = request({ socketPath, method, path, headers, agent: false }, (answer) => {
      const chunks: Buffer[] = [];
      let length = 0;
      answer.on('data', (chunk: Buffer) => {
        length += chunk.length;
        if (length > longest) {
          fail('answers without end');
          call.destroy();
        } else chunks.push(chunk);
      });
      answer.on('error', (error) => fail(`broke off its answer: ${error.message}`));
      answer.on('end', () => {
        const read = readAnswer(answer.statusCode ?? 0, Buffer.concat(chunks).toString('utf8'));
        if (read instanceof ControlError) reject(read);
        else resolve(read);
      });
    });
    const timer = setTimeout(() => {
      fail(`did not answer within ${time / 1000} s: look at its log`);
      call.destroy();
    }, time);
    call.on('error', (error) => fail(`broke off: ${error.message}`));
    call.on('close', () => {
      clearTimeout(timer);
      fail('broke off its answer'); // after an answer this changes nothing
    });
    call.end(text);
  });
}

function readAnswer(status: number, text: string): unknown {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return new ControlError('refused', 'the daemon answered something that is not JSON: is it another program?');
  }
  if (status === 200) return value;
  const said = (value as Partial<Refusal> | null)?.error?.message ?? `status ${status}`;
  return new ControlError('refused', `the daemon refused: ${said}`);
}
