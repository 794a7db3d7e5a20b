import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { FrameReader } from './frames.ts';

/** Says whatever a test likes, frame by frame. */
export class RawClient implements AsyncDisposable {
  readonly #socket: Socket;
  readonly #frames: AsyncIterator<Uint8Array>;

  private constructor(socket: Socket) {
    this.#socket = socket;
    this.#frames = framesOf(socket);
  }

  static async connect(port: number): Promise<RawClient> {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true });
    await once(socket, 'connect');
    return new RawClient(socket);
  }

  /** One write for every frame; `body` is hex, without its length. */
  send(body: string): void {
    const bytes = Buffer.from(body, 'hex');
    const frame = Buffer.alloc(4 + bytes.length);
    frame.writeUInt32BE(bytes.length);
    bytes.copy(frame, 4);
    this.#socket.write(frame);
  }

  /** The next frame in hex; undefined when the other side has ended the connection. */
  async next(): Promise<string | undefined> {
    const { value, done } = await this.#frames.next();
    return done === true ? undefined : Buffer.from(value).toString('hex');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#socket.destroy();
    if (!this.#socket.closed) await once(this.#socket, 'close');
  }
}

async function* framesOf(socket: Socket): AsyncGenerator<Uint8Array> {
  const reader = new FrameReader();
  for await (const bytes of socket) yield* reader.take(Buffer.from(bytes));
}
