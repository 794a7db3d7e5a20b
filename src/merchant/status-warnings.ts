import { formatAmount, isAmount, MAX_AMOUNT } from '../core/base/amount.ts';
import { counted } from '../core/base/counted.ts';
import type { Figures } from './stats.ts';

/** Seconds after which the last reading of the chain is too old to show what is due. */
const MOST_AGE = 600;

/** What a person has to look at, as whole sentences; empty when all is well. */
export function statusWarnings(figures: Figures): readonly string[] {
  const { chain, doubt, unkept, jobs, exposure, writtenOff, coin } = figures;
  const dead = jobs.filter(({ isAlive }) => !isAlive).map(({ name, failures }) => `The job ${name} is dead: it failed ${failures} times.`);
  return [
    ...(doubt === undefined ? [] : [`Nothing new is promised: ${doubt}`]),
    ...(unkept === undefined ? [] : [`Nothing can be stored, so nothing is sold: ${unkept}`]),
    ...(chain !== undefined && chain.age > MOST_AGE ? [`The chain was last read ${Math.round(chain.age / 60)} minutes ago.`] : []),
    ...(chain === undefined ? [] : lateness(figures, chain.height)),
    ...dead,
    ...(exposure.total > exposure.most
      ? [
          `${coinsOf(exposure.total)} ${coin.ticker} of delivered value could be undone by the chain, more than the limit of ${coinsOf(exposure.most)}.`,
        ]
      : []),
    ...(writtenOff > 0n
      ? [`${coinsOf(writtenOff)} ${coin.ticker} were delivered on deposits that were never mined: they are written off.`]
      : []),
  ];
}

function lateness({ nearestClosing, nearestExpiry, unmined, coin }: Figures, tip: number): readonly string[] {
  const late = unmined.filter(({ closing, expiry }) => (expiry - tip) * 2 <= expiry - closing);
  const unmade =
    nearestClosing === undefined || nearestClosing > tip
      ? []
      : [`A channel should have begun to close at block ${nearestClosing}, but has not; ${blocks((nearestExpiry ?? tip) - tip)}.`];
  return [
    ...unmade,
    ...late.map(
      ({ channel, atRisk, expiry }) =>
        `The close of channel ${channel.slice(0, 16)} over ${formatAmount(atRisk)} ${coin.ticker} is in no block yet; ${blocks(expiry - tip)}.`,
    ),
  ];
}

/** The time left, as the end of a sentence. */
export function blocks(left: number): string {
  return left > 0
    ? `the payer can take it back in ${counted(left, 'block')}`
    : `the payer has been able to take it back for ${counted(-left, 'block')}`;
}

/** A sum in whole coins; a sum above the largest amount is shown as that amount. */
export function coinsOf(sum: bigint): string {
  return formatAmount(isAmount(sum) ? sum : MAX_AMOUNT);
}
