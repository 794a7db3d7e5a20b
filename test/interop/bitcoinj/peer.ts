import { JavaProcess } from './process.ts';
import {
  type Acknowledgement,
  acknowledgement,
  type Channels,
  channels,
  type EventName,
  type Events,
  listening,
  type OpenChannel,
  openChannel,
  type WalletState,
  walletState,
} from './said.ts';

/** A node that takes the transactions of a peer. */
export interface NodeAccess {
  readonly url: string;
  readonly user: string;
  readonly password: string;
}

export interface PeerOptions {
  /** `dogecoin-regtest`, `litecoin-regtest` or `bitcoin-regtest`. */
  readonly network: string;
  readonly node: NodeAccess;
  /** File of its wallet; read when it is there, made from `seed` when not. */
  readonly wallet: string;
  /** Hex of 16 to 32 bytes. */
  readonly seed: string;
  /** What its clock shows until it is set again: Unix time in seconds. */
  readonly time: number;
  /** Units per 1,000 bytes of what it funds and settles. Its refunds always pay 1,000 in all. */
  readonly feePerKb: bigint;
  /** Confirmations after which it forgets a settled channel. */
  readonly eventHorizon?: number;
}

/** `tcp`: bitcoinj's own sockets, which lose what was written last before they close. `protocol`: its protocol objects over sockets that do not. */
export type Level = 'tcp' | 'protocol';

export interface ListenOptions {
  readonly level: Level;
  /** Least size of a channel that it announces. */
  readonly minimum?: bigint;
  /** Goes before the info of each acknowledgement; hex. */
  readonly prefix?: string;
  /** A payment with this info (hex) the application refuses. */
  readonly unwanted?: string;
  /** The rest only on the level `protocol`. */
  readonly minPayment?: bigint;
  readonly minWindow?: number;
  readonly maxWindow?: number;
}

export interface ConnectOptions {
  readonly level: Level;
  readonly port: number;
  readonly version: 'VERSION_1' | 'VERSION_2_ALLOW_1' | 'VERSION_2';
  /** Its channel key: hex of 32 bytes. */
  readonly key: string;
  /** Size of a new channel. */
  readonly value: bigint;
  /** A stored channel with the same id is resumed. */
  readonly serverId?: string;
  /** Seconds that a new channel is to live. */
  readonly window?: number;
  /** Largest `min_payment` that it agrees to. */
  readonly minPayment?: bigint;
}

/** bitcoinj in a process of its own, as payer, payee or both. */
export class BitcoinjPeer implements AsyncDisposable {
  readonly #process: JavaProcess;

  private constructor(process: JavaProcess) {
    this.#process = process;
  }

  /** @throws Error when a program is missing, or the wallet can't be read. */
  static async start(options: PeerOptions): Promise<BitcoinjPeer> {
    // Short runs: a quick start is worth more than the best code.
    const process = await JavaProcess.start(['-XX:TieredStopAtLevel=1', '-XX:+UseSerialGC', '-Xmx256m']);
    try {
      await process.call('start', { eventHorizon: 3, ...options });
    } catch (error) {
      await process.kill();
      throw error;
    }
    return new BitcoinjPeer(process);
  }

  /** Listens on a free port of 127.0.0.1 and all other interfaces; returns it. */
  async listen({ minimum = 100_000n, prefix = '', ...options }: ListenOptions): Promise<number> {
    return listening.parse(await this.#process.call('listen', { timeout: 15, minimum, prefix, ...options })).port;
  }

  /** Drops all connections and listens no more; settles nothing. */
  async closeListener(): Promise<void> {
    await this.#process.call('close-listener', {});
  }

  /** Ends all connections with a CLOSE; the channels can be resumed. */
  async hangUp(): Promise<void> {
    await this.#process.call('hang-up', {});
  }

  /** Settles a channel of the payee, connected or not. */
  async settleChannel(contract: string): Promise<void> {
    await this.#process.call('settle-channel', { contract });
  }

  /** Opens or resumes a channel. @throws Error with the reason when it ends before the channel is open. */
  async connect({ serverId = 'server', ...options }: ConnectOptions): Promise<OpenChannel> {
    return openChannel.parse(await this.#process.call('connect', { host: '127.0.0.1', timeout: 15, serverId, ...options }));
  }

  /** Pays `size` and waits for the acknowledgement; `info` is hex. Never settles when the connection is lost meanwhile: bitcoinj forgets it. */
  async pay(size: bigint, info?: string): Promise<Acknowledgement> {
    return acknowledgement.parse(await this.#process.call('pay', info === undefined ? { size } : { size, info }));
  }

  /** The open channel as the payer sees it. */
  async state(): Promise<OpenChannel> {
    return openChannel.parse(await this.#process.call('state', {}));
  }

  /** Asks the payee to settle; the settlement is the payee's to broadcast. */
  async settle(): Promise<void> {
    await this.#process.call('settle', {});
  }

  /** Ends the payer's connection; the channel can be resumed. */
  async disconnect(): Promise<void> {
    await this.#process.call('disconnect', {});
  }

  /** Broadcasts contract and refund now, whatever the time. */
  async refund(contract: string): Promise<void> {
    await this.#process.call('refund', { contract });
  }

  async channels(): Promise<Channels> {
    return channels.parse(await this.#process.call('channels', {}));
  }

  /** Waits until the payer knows what settled the channel, be it by the payee's CLOSE or by the chain; returns that transaction's id. */
  async settledBy(contract: string): Promise<string> {
    for (;;) {
      const channel = (await this.channels()).payer.find((one) => one.contract === contract);
      if (channel?.closedBy !== undefined) return channel.closedBy;
      await this.next('wallet');
    }
  }

  async wallet(): Promise<WalletState> {
    return walletState.parse(await this.#process.call('wallet', {}));
  }

  /** The wallet sees an unconfirmed transaction. */
  async see(hex: string): Promise<void> {
    await this.#process.call('see', { hex });
  }

  /** The wallet sees blocks of its own making, the first with the transaction in it. */
  async mine(count: number, hex?: string): Promise<void> {
    await this.#process.call('mine', hex === undefined ? { count } : { count, hex });
  }

  /** Sets its clock. Timers that are set already do not notice; those of a wallet that is opened later do. */
  async setTime(seconds: number): Promise<void> {
    await this.#process.call('time', { seconds });
  }

  /** The next event of this name that nobody has read yet. */
  next<Name extends EventName>(name: Name): Promise<Events[Name]> {
    return this.#process.next(name);
  }

  /** Ends it as a power cut would. */
  async kill(): Promise<void> {
    await this.#process.kill();
  }

  /** Lets it end by itself. */
  async stop(): Promise<void> {
    await this.#process.stop();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
  }
}
