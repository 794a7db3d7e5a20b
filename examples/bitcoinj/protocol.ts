// The middle level: the protocol over whatever carries whole messages both ways, here a MessageChannel. HTTP bodies or Bluetooth would do.
//   node examples/bitcoinj/protocol.ts
import { MessageChannel, type MessagePort } from 'node:worker_threads';
import { amount, type Line, WorldError } from 'pawment';
import { Attachments, bitcoinjContracts, openBitcoinj, serveBitcoinj } from 'pawment/bitcoinj';
import { agreed, DOGE, mine, payee, payer } from './world.ts';

/** One end of a message channel as a line. */
function lineOver(port: MessagePort): Line {
  const inbox: (Uint8Array | undefined)[] = [];
  let wake = (): void => undefined;
  const arrive = (body: Uint8Array | undefined): void => {
    inbox.push(body);
    wake();
  };
  port.on('message', arrive);
  port.on('close', () => arrive(undefined));
  let isOpen = true;
  return {
    remote: 'the other end',
    frames: {
      async *[Symbol.asyncIterator]() {
        for (;;) {
          while (inbox.length === 0) {
            await new Promise<void>((resolve) => {
              wake = resolve;
            });
          }
          const body = inbox.shift();
          if (body === undefined) return;
          yield body;
        }
      },
    },
    send: async (body) => {
      if (!isOpen) throw new WorldError('peer-unreachable', 'The line is closed.', 'Make another.');
      port.postMessage(body);
    },
    setIdle: () => undefined,
    close: async () => {
      isOpen = false;
      port.close();
    },
  };
}

const { port1, port2 } = new MessageChannel();
const serving = serveBitcoinj(lineOver(port1), payee, new Attachments());
const order = { contracts: bitcoinjContracts, capacity: amount(10n * DOGE) };
const channel = agreed(await openBitcoinj(lineOver(port2), order, payer));
await mine(1);
const { info } = agreed(await channel.pay(amount(DOGE), new TextEncoder().encode('coffee')));
console.log(new TextDecoder().decode(info));
await channel.hangUp();
await serving;
