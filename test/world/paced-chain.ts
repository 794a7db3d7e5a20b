import type { MineOptions, Regtest } from '../../src/chain/regtest/regtest.ts';
import { after, type Height, isTime, type LockKind, type LockTime, lockTime, type Time } from '../../src/core/base/height.ts';
import { type ChainTime, certain } from '../../src/core/base/lock-time.ts';

/** Blocks by which the median of eleven is behind the tip. */
const MEDIAN_DELAY = 5;

/** An embedded chain that is mined at its coin's pace: the clock goes on with every block, so that locks of either kind open with one. */
export class PacedChain {
  readonly regtest: Regtest;
  /** The block that each lock opens with. */
  readonly #opens = new Map<LockTime, Height>();

  constructor(regtest: Regtest) {
    this.regtest = regtest;
  }

  get tip(): Height {
    return this.regtest.tip.height;
  }

  get now(): ChainTime {
    return { tip: this.tip, medianTime: this.regtest.chain.tip.medianTime, now: 0 };
  }

  /** The lock that opens with the block so many after the tip: six at least, for a median to be of paced blocks. */
  lockIn(kind: LockKind, blocks: number): LockTime {
    const at = after(this.tip, blocks);
    const lock = kind === 'height' ? at : lockTime(this.#time + (blocks - MEDIAN_DELAY) * this.regtest.coin.blockSeconds - 1);
    this.#opens.set(lock, at);
    return lock;
  }

  /** The block that a lock opens with, from here on at the coin's pace. */
  opensAt(lock: LockTime): Height {
    const known = this.#opens.get(lock) ?? (isTime(lock) ? after(this.tip, this.#blocksTo(lock)) : lock);
    this.#opens.set(lock, known);
    return known;
  }

  #blocksTo(time: Time): number {
    return Math.ceil((time + 1 - this.#time) / this.regtest.coin.blockSeconds) + MEDIAN_DELAY;
  }

  /** What has come for certain, on the scale of a lock: a transaction locked until then is final. */
  reached(lock: LockTime): LockTime {
    return certain(lock, this.now);
  }

  mine(blocks: number, options: MineOptions = {}): void {
    for (let i = 0; i < blocks; i++) {
      this.regtest.setTime(this.#time + this.regtest.coin.blockSeconds);
      this.regtest.mine(1, options);
    }
  }

  /** Mines until one block is missing for a lock to open. */
  mineBefore(lock: LockTime): void {
    this.mine(this.opensAt(lock) - 1 - this.tip);
  }

  /** The time of the last block, in seconds. */
  get #time(): number {
    return this.regtest.chain.tip.block.header.time;
  }
}
