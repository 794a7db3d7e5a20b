import { closeCases } from './contract/close.ts';
import { edgeCases } from './contract/edge.ts';
import { endCases } from './contract/end.ts';
import { lossCases } from './contract/loss.ts';
import { partialCases } from './contract/partial.ts';
import { payCases } from './contract/pay.ts';
import { propertyCases } from './contract/property.ts';
import { releaseCases } from './contract/release.ts';
import { expiryCases, scriptCases } from './contract/script.ts';
import { slotCases } from './contract/slot.ts';
import { type ContractSubject, World } from './contract/world.ts';
import type { Register } from './register.ts';

export type { ContractSubject } from './contract/world.ts';

/** What every `Contract` must do; the chain is the judge. The cases share one chain, each with channels of its own. */
export function contractSuite(register: Register, subject: () => ContractSubject): void {
  const cases = [
    ...scriptCases,
    ...(subject().contract.expiryIn === 'script' ? expiryCases : releaseCases),
    ...edgeCases,
    ...payCases,
    ...closeCases,
    ...slotCases,
    ...partialCases,
    ...endCases,
    ...propertyCases,
    ...lossCases,
  ];
  for (const [name, run] of cases) register(name, async () => run(new World(subject())));
}
