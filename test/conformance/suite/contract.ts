import type { Contract } from '../../../src/core/contract/contract.ts';
import { closeCases, flexibleCloseCases } from './contract/close.ts';
import { edgeCases, flexibleEdgeCases } from './contract/edge.ts';
import { endCases } from './contract/end.ts';
import { hashLockCases } from './contract/hash-lock.ts';
import { lossCases } from './contract/loss.ts';
import { flexiblePartialCases, partialCases } from './contract/partial.ts';
import { flexiblePayCases, payCases } from './contract/pay.ts';
import { propertyCases } from './contract/property.ts';
import { releaseCases } from './contract/release.ts';
import { revocationCases } from './contract/revocation.ts';
import { expiryCases, scriptCases } from './contract/script.ts';
import { slotCases } from './contract/slot.ts';
import { type Case, type ContractSubject, World } from './contract/world.ts';
import type { Register } from './register.ts';

export type { ContractSubject } from './contract/world.ts';

/** About payments whose fee is left to the payee. */
const flexibleCases = [...flexibleEdgeCases, ...flexiblePayCases, ...flexibleCloseCases, ...slotCases, ...flexiblePartialCases];

const EXPIRING: Readonly<Record<Contract['expiryIn'], readonly Case[]>> = { script: expiryCases, releases: releaseCases, age: [] };

/** What every `Contract` must do; the chain is the judge. The cases share one chain, each with channels of its own. */
export function contractSuite(register: Register, subject: () => ContractSubject): void {
  const { contract, signings } = subject();
  const cases = [
    ...scriptCases,
    ...EXPIRING[contract.expiryIn],
    ...(signings.includes('flexible') ? flexibleCases : []),
    ...edgeCases,
    ...payCases,
    ...closeCases,
    ...partialCases,
    ...endCases,
    ...(contract.revocation === undefined ? [] : revocationCases(contract)),
    ...(contract.hashLocks === undefined ? [] : hashLockCases),
    ...propertyCases,
    ...lossCases,
  ];
  for (const [name, run] of cases) register(name, async () => run(new World(subject())));
}
