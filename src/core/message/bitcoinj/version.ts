import { cltvTime } from '../../contract/cltv.ts';
import type { Contract } from '../../contract/contract.ts';
import { presignedRefund } from '../../contract/presigned-refund.ts';

/** What a major version of the protocol makes channels of. */
const CONTRACTS: ReadonlyMap<number, Contract> = new Map([
  [1, presignedRefund],
  [2, cltvTime],
]);

/** The newest first. */
export const bitcoinjContracts: readonly [Contract, ...Contract[]] = [cltvTime, presignedRefund];

/** Those of them whose refund needs nothing of the payee. */
export const selfRefunded: readonly [Contract, ...Contract[]] = [cltvTime];

export function contractOf(major: number): Contract | undefined {
  return CONTRACTS.get(major);
}

/** The version that a contract belongs to; undefined for those that are not bitcoinj's. */
export function majorOf(contract: Contract): number | undefined {
  return [...CONTRACTS].find(([, own]) => own === contract)?.[0];
}
