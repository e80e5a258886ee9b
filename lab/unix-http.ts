/** HTTP over a unix socket: the engine's API, and the control socket of Sluice's daemon. */
import { request } from 'node:http';

export interface UnixCall {
  /** `GET` unless told. */
  readonly method?: string | undefined;
  /** Sent as JSON. */
  readonly body?: unknown;
  /** Milliseconds until it fails; 30,000 unless told. */
  readonly timeout?: number | undefined;
}

/** The answer's body: parsed JSON, or the text when it is none. Throws on a status of 400 and above, with the body. */
export function callUnix(socketPath: string, path: string, call: UnixCall = {}): Promise<unknown> {
  const { method = 'GET', body, timeout = 30_000 } = call;
  return new Promise((resolve, reject) => {
    const headers = { 'Content-Type': 'application/json' };
    const sent = request({ socketPath, path, method, timeout, headers }, (response) => {
      let text = '';
      response.on('data', (data) => {
        text += data;
      });
      response.on('error', reject);
      response.on('end', () => {
        if ((response.statusCode ?? 500) >= 400)
          return reject(new Error(`${method} ${path}: ${response.statusCode} ${text}`));
        try {
          resolve(JSON.parse(text));
        } catch {
          resolve(text);
        }
      });
    });
    sent.on('timeout', () => sent.destroy(new Error(`${method} ${path}: no answer`)));
    sent.on('error', reject);
    sent.end(body === undefined ? undefined : JSON.stringify(body));
  });
}
