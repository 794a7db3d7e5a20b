import { cltv, cltvTime } from './cltv.ts';
import { cltvMultisig } from './cltv-multisig.ts';
import type { Contract } from './contract.ts';
import { presignedRefund } from './presigned-refund.ts';
import { revocable } from './revocable.ts';
import { revocableCsv } from './revocable-csv.ts';

/** Every kind of channel: the only list of them. The first is the default. */
export const contracts: readonly [Contract, ...Contract[]] = [cltvMultisig, cltv, cltvTime, presignedRefund, revocable, revocableCsv];

export function contractByNumber(number: number): Contract | undefined {
  return contracts.find((contract) => contract.number === number);
}

export function contractById(id: string): Contract | undefined {
  return contracts.find((contract) => contract.id === id);
}
