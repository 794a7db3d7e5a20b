import * as http from 'node:http';
import * as https from 'node:https';

/** A complete answer to a POST. */
export interface Posted {
  readonly status: number;
  readonly text: string;
}
export type Post = (
  url: string,
  init: { readonly headers: Readonly<Record<string, string>>; readonly body: string; readonly signal: AbortSignal },
) => Promise<Posted>;

/**
 * Sends POST requests over connections that stay open. A node is asked for every deposit that a stranger announces, and `fetch` takes several times
 * as long.
 */
export const httpPost: Post = async (url, init) => {
  try {
    return await once(url, init);
  } catch (error) {
    // The node closes an idle connection, possibly just when this side begins to send.
    if (error instanceof StaleConnection) return once(url, init, { agent: false });
    throw error;
  }
};

class StaleConnection extends Error {}

function once(url: string, { headers, body, signal }: Parameters<Post>[1], connection: { readonly agent?: false } = {}): Promise<Posted> {
  return new Promise((settle, reject) => {
    const { request } = url.startsWith('https:') ? https : http;
    const length = { 'content-length': Buffer.byteLength(body) };
    let text: string | undefined;
    const sent = request(url, { ...connection, method: 'POST', headers: { ...headers, ...length }, signal }, (response) => {
      text = '';
      response.setEncoding('utf8');
      response.on('data', (part: string) => {
        text += part;
      });
      response.on('end', () => settle({ status: response.statusCode ?? 0, text: text ?? '' }));
      response.on('error', fail);
    });
    const fail = (error: Error): void => {
      if (signal.aborted) reject(signal.reason);
      else reject(sent.reusedSocket && text === undefined ? new StaleConnection(error.message, { cause: error }) : error);
    };
    sent.on('error', fail);
    sent.end(body);
  });
}
