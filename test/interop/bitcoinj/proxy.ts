import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { FrameReader } from './frames.ts';

/** One message on the wire, without its length. */
export interface Frame {
  readonly from: 'client' | 'server';
  readonly body: Uint8Array;
}

/** Stands between client and server on a free port of 127.0.0.1 and notes every whole frame. */
export class RecordingProxy implements AsyncDisposable {
  readonly frames: Frame[] = [];
  readonly #server = createServer({ noDelay: true }, (client) => this.#join(client));
  readonly #sockets = new Set<Socket>();
  readonly #to: number;

  private constructor(to: number) {
    this.#to = to;
  }

  static async start(to: number): Promise<RecordingProxy> {
    const proxy = new RecordingProxy(to);
    await once(proxy.#server.listen(0, '127.0.0.1'), 'listening');
    return proxy;
  }

  get port(): number {
    const address = this.#server.address();
    return typeof address === 'object' && address !== null ? address.port : 0;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    this.#server.close();
    await once(this.#server, 'close');
  }

  /** What has been said since this was last asked. */
  taken(): readonly Frame[] {
    return this.frames.splice(0);
  }

  #join(client: Socket): void {
    const server = connect({ port: this.#to, host: '127.0.0.1', noDelay: true });
    this.#pass('client', client, server);
    this.#pass('server', server, client);
  }

  #pass(from: Frame['from'], source: Socket, target: Socket): void {
    const reader = new FrameReader();
    this.#sockets.add(source);
    source.on('data', (bytes) => {
      for (const body of reader.take(bytes)) this.frames.push({ from, body });
      target.write(bytes);
    });
    source.on('end', () => target.end());
    source.on('error', () => target.destroy());
    source.on('close', () => this.#sockets.delete(source));
  }
}
