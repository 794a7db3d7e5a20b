import { amount } from '../../../src/core/base/amount.ts';
import type { ChannelId } from '../../../src/core/base/bytes.ts';
import { isRefusal } from '../../../src/core/base/refusal.ts';
import type { PaymentHash } from '../../../src/core/contract/pending.ts';
import type { Connection } from '../../../src/engine/ports.ts';
import { hubService } from '../../../src/payer/hub-service.ts';
import { lockVia, lookVia, settleVia, type ViaPurchase, type Way } from '../../../src/payer/pay-via.ts';
import type { PayerSide } from '../payer.ts';
import type { Process } from '../stage.ts';
import { FAR } from './side.ts';

/** What an owner agreed to: so much for the payee, so much in all. */
export interface Wish {
  readonly channel: ChannelId;
  readonly hash: PaymentHash;
  readonly price: bigint;
  readonly total: bigint;
}

/** The blocks say in the end what was paid. */
async function keptNowhere(): Promise<void> {}

/** Somebody who buys of the payee by way of the hub, and keeps a list of what is under way. */
export class Buyer {
  readonly side: PayerSide;
  readonly #payee: (process: Process) => Connection;
  readonly purchases: ViaPurchase[] = [];
  onWish: (wish: Wish) => void = () => undefined;

  constructor(side: PayerSide, payee: (process: Process) => Connection) {
    this.side = side;
    this.#payee = payee;
  }

  #way(channel: ChannelId): Way {
    const { running } = this.side;
    if (running === undefined) throw new Error('who buys runs');
    return { channel, connection: running.payee, hub: hubService(running.agent, running.payee) };
  }

  /** `short`: so much less than the payee asks for goes into the order, by who cheats or errs. */
  buy(channel: ChannelId, item: string, short = 0n): void {
    const { side } = this;
    side.start(`buy ${item} via`, async () => {
      const { running } = side;
      if (running === undefined) return undefined;
      const far = { address: FAR, connection: this.#payee(running.process) };
      const way = this.#way(channel);
      const locked = await lockVia(running.agent, way, far, item, async (price, fee, invoice) => {
        const { hash = new Uint8Array() } = invoice;
        const total = amount(price + fee);
        this.onWish({ channel, hash, price, total });
        const order = { incoming: channel, hash, next: invoice.channel, amount: amount(price - short), invoice: invoice.id };
        this.purchases.push({ invoice, hash, total, order });
        return undefined;
      });
      const [purchase] = this.purchases.slice(-1);
      return isRefusal(locked) || purchase === undefined ? locked : lookVia(running.agent, way, purchase, keptNowhere);
    });
  }

  look(purchase: ViaPurchase): void {
    const { side } = this;
    side.start(
      'look via',
      async () => side.running && lookVia(side.running.agent, this.#way(purchase.order.incoming), purchase, keptNowhere),
    );
  }

  settle(channel: ChannelId): void {
    const { side } = this;
    side.start('settle via', async () => side.running && settleVia(side.running.agent, this.#way(channel)));
  }
}
