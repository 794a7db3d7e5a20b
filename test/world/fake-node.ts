import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import * as z from 'zod';

/** What a node answers to one call: the JSON text of the result, so that numbers keep their digits, or an error. */
export type FakeAnswer = string | { readonly code: number; readonly message: string };

export interface FakeNode {
  readonly url: string;
  /** Method names in the order asked, one array for each HTTP request. */
  readonly requests: string[][];
  readonly lastParameters: (method: string) => readonly unknown[] | undefined;
  readonly close: () => Promise<void>;
}

export interface FakeNodeOptions {
  /** `user:password`; anybody is let in when unset. */
  readonly credentials?: string;
  /** Answers a whole HTTP request in place of JSON-RPC: for what proxies and overloaded nodes say. */
  readonly http?: (response: ServerResponse) => void;
}

const callSchema = z.object({ id: z.number(), method: z.string(), params: z.array(z.unknown()) });
type Call = z.infer<typeof callSchema>;
const UNKNOWN_METHOD = -32601;

/** An HTTP server that behaves as the JSON-RPC port of Core-style nodes: errors with status 500 or 404, batches always with 200, 401 with an empty body. */
export async function fakeNode(
  answer: (method: string, parameters: readonly unknown[]) => FakeAnswer,
  options: FakeNodeOptions = {},
): Promise<FakeNode> {
  const requests: string[][] = [];
  const parameters = new Map<string, readonly unknown[]>();
  const reply = ({ id, method, params }: Call): { status: number; text: string } => {
    parameters.set(method, params);
    const found = answer(method, params);
    if (typeof found === 'string') return { status: 200, text: `{"result":${found},"error":null,"id":${id}}` };
    return { status: found.code === UNKNOWN_METHOD ? 404 : 500, text: `{"result":null,"error":${JSON.stringify(found)},"id":${id}}` };
  };
  const handle = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const body: unknown = JSON.parse(Buffer.concat(await request.toArray()).toString());
    const wanted = options.credentials && `Basic ${Buffer.from(options.credentials).toString('base64')}`;
    if (options.http !== undefined) return options.http(response);
    if (wanted !== undefined && request.headers.authorization !== wanted) return void response.writeHead(401).end();
    const calls = z.array(callSchema).parse(Array.isArray(body) ? body : [body]);
    requests.push(calls.map(({ method }) => method));
    const replies = calls.map(reply);
    const [only] = replies;
    if (Array.isArray(body) || only === undefined) response.writeHead(200).end(`[${replies.map(({ text }) => text).join(',')}]`);
    else response.writeHead(only.status).end(only.text);
  };
  const server = createServer((request, response) => {
    handle(request, response).catch((error: unknown) => response.destroy(error instanceof Error ? error : undefined));
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  return {
    url: `http://127.0.0.1:${port}/`,
    requests,
    lastParameters: (method) => parameters.get(method),
    close: async () => {
      server.closeAllConnections();
      if (server.listening) await once(server.close(), 'close');
    },
  };
}
