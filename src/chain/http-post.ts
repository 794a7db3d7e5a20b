import * as http from 'node:http';
import * as https from 'node:https';

/** An answer to a post, read whole. */
export interface Posted {
  readonly status: number;
  readonly text: string;
}
export type Post = (
  url: string,
  init: { readonly headers: Readonly<Record<string, string>>; readonly body: string; readonly signal: AbortSignal },
) => Promise<Posted>;

/** Posts over connections that stay open. A node is asked for every deposit that a stranger names, and `fetch` costs several times as much. */
export const httpPost: Post = async (url, init) => {
  try {
    return await once(url, init);
  } catch (error) {
    // The node closes a connection that nothing was said on for a while, and may do so while this side begins to speak.
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
