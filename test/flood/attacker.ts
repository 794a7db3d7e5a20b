import { connect, type Socket } from 'node:net';

/** What became of a request: the status, or that the connection ended without one. */
export type Fate = number | 'dropped';

/** Sends whole requests, one at a time, from an address of its own; connects again when it has been hung up on. */
export class Attacker {
  readonly #port: number;
  readonly #address: string;
  #socket: Socket | undefined;

  constructor(port: number, address: string) {
    this.#port = port;
    this.#address = address;
  }

  send(request: string): Promise<Fate> {
    const socket = this.#connected();
    return new Promise((resolve) => {
      let text = '';
      const end = (fate: Fate): void => {
        socket.removeAllListeners('data').removeAllListeners('close');
        // A body that was not read is in the way of the next request.
        if (fate === 'dropped' || fate === 413 || /\r\nconnection: close\r\n/i.test(text)) this.#hangUp(socket);
        resolve(fate);
      };
      socket.on('data', (chunk) => {
        text += String(chunk);
        const status = wholeStatus(text);
        if (status !== undefined) end(status);
      });
      socket.once('close', () => end(wholeStatus(text) ?? 'dropped'));
      socket.write(request);
    });
  }

  close(): void {
    this.#socket?.destroy();
  }

  #connected(): Socket {
    if (this.#socket !== undefined && !this.#socket.destroyed) return this.#socket;
    const socket = connect({ port: this.#port, host: '127.0.0.1', localAddress: this.#address }).setEncoding('latin1');
    socket.on('error', () => undefined);
    this.#socket = socket;
    return socket;
  }

  #hangUp(socket: Socket): void {
    socket.destroy();
    this.#socket = undefined;
  }
}

/** The status of a response that has come whole. */
function wholeStatus(text: string): number | undefined {
  const end = text.indexOf('\r\n\r\n');
  if (end < 0) return undefined;
  const status = Number(text.slice(9, 12));
  const length = Number(/\r\ncontent-length: (\d+)/i.exec(text.slice(0, end))?.[1] ?? 0);
  return text.length >= end + 4 + length ? status : undefined;
}

/** A connection that says little and never ends what it says. */
export function dawdle(port: number, address: string, text: string): Socket {
  const socket = connect({ port, host: '127.0.0.1', localAddress: address });
  socket.on('error', () => undefined);
  socket.write(text);
  return socket;
}
