import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { isMainThread, parentPort, Worker } from 'node:worker_threads';
import { equalBytes, hexToBytes } from '../../../src/core/base/bytes.ts';
import { FrameReader } from './frames.ts';

/** A channel to go on with, and payments signed beforehand: whole frames. */
export interface RawPayer {
  readonly hello: Uint8Array;
  readonly warmUp: readonly Uint8Array[];
  readonly payments: readonly Uint8Array[];
}

export interface RawJob {
  readonly port: number;
  /** Payments of one payer that wait for their acknowledgement at once. */
  readonly inFlight: number;
  /** Each on a connection of its own. */
  readonly payers: readonly RawPayer[];
}

/** PAYMENT_ACK without a body. */
export const ACK: Uint8Array = hexToBytes('080b');
/** SERVER_VERSION and CHANNEL_OPEN. */
const GREETING = 2;

/** Pays from a thread of its own, as the raw clients that bitcoinj is measured with do. */
export class RawPayers implements AsyncDisposable {
  readonly #worker = new Worker(new URL(import.meta.url));

  /** Milliseconds for all payments after the warm-up. @throws Error when anything but an acknowledgement comes back. */
  async pay(job: RawJob): Promise<number> {
    this.#worker.postMessage(job);
    const [milliseconds] = await once(this.#worker, 'message');
    return Number(milliseconds);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#worker.terminate();
  }
}

class RawConnection {
  readonly #socket: Socket;
  readonly #reader = new FrameReader();
  #heard: (body: Uint8Array) => void = () => undefined;
  #failed: (error: Error) => void = () => undefined;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.on('data', (bytes) => {
      for (const body of this.#reader.take(Buffer.from(bytes))) this.#heard(body);
    });
    socket.on('error', (error) => this.#failed(error));
    socket.on('end', () => this.#failed(new Error('the server has hung up')));
  }

  static async open(port: number, hello: Uint8Array): Promise<RawConnection> {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true });
    await once(socket, 'connect');
    const connection = new RawConnection(socket);
    await connection.#until(GREETING, () => socket.write(hello));
    return connection;
  }

  /** One write for every frame, and never more than so many without an answer. */
  pay(frames: readonly Uint8Array[], inFlight: number): Promise<void> {
    const waiting = frames.values();
    const send = (): void => {
      const { value } = waiting.next();
      if (value !== undefined) this.#socket.write(value);
    };
    const begin = (): void => {
      for (let i = 0; i < inFlight; i++) send();
    };
    return this.#until(frames.length, begin, (body) => {
      if (equalBytes(body, ACK)) send();
      else this.#failed(new Error(`no acknowledgement: ${Buffer.from(body).toString('hex')}`));
    });
  }

  close(): void {
    this.#failed = () => undefined;
    this.#socket.destroy();
  }

  /** Settles once so many messages have come after `begin`. */
  #until(count: number, begin: () => void, each: (body: Uint8Array) => void = () => undefined): Promise<void> {
    return new Promise((resolve, reject) => {
      let left = count;
      this.#failed = reject;
      this.#heard = (body) => {
        left -= 1;
        each(body);
        if (left === 0) resolve();
      };
      begin();
    });
  }
}

async function milliseconds({ port, inFlight, payers }: RawJob): Promise<number> {
  const all = await Promise.all(payers.map(async (payer) => ({ ...payer, connection: await RawConnection.open(port, payer.hello) })));
  await Promise.all(all.map(({ connection, warmUp }) => connection.pay(warmUp, inFlight)));
  const start = performance.now();
  await Promise.all(all.map(({ connection, payments }) => connection.pay(payments, inFlight)));
  const taken = performance.now() - start;
  for (const { connection } of all) connection.close();
  return taken;
}

if (!isMainThread) parentPort?.on('message', async (job: RawJob) => parentPort?.postMessage(await milliseconds(job)));
