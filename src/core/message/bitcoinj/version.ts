import { cltvTime } from '../../contract/cltv.ts';
import type { Contract } from '../../contract/contract.ts';
import { presignedRefund } from '../../contract/presigned-refund.ts';

/** The contract of a channel, by the major version of the protocol. */
const CONTRACTS: ReadonlyMap<number, Contract> = new Map([
  [1, presignedRefund],
  [2, cltvTime],
]);

/** The newest first. */
export const bitcoinjContracts: readonly [Contract, ...Contract[]] = [cltvTime, presignedRefund];

/** Those whose refund needs no signature of the payee. */
export const selfRefunded: readonly [Contract, ...Contract[]] = [cltvTime];

export function contractOf(major: number): Contract | undefined {
  return CONTRACTS.get(major);
}

/** The version that a contract belongs to; undefined for contracts that bitcoinj does not have. */
export function majorOf(contract: Contract): number | undefined {
  return [...CONTRACTS].find(([, own]) => own === contract)?.[0];
}
