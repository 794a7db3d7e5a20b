import { amount } from '../../src/core/base/amount.ts';
import type { Signing } from '../../src/core/contract/contract.ts';
import { contracts } from '../../src/core/contract/registry.ts';
import { type Channel, fitting } from '../conformance/suite/codec.ts';
import { sampleFunding, sampleOffer, sampleTerms } from '../world/sample.ts';

const DOGE = 100_000_000n;
const SIGNINGS: readonly Signing[] = [
  { kind: 'flexible', slot: 0 },
  { kind: 'fixed', fee: amount(DOGE / 50n) },
];

/** The channels whose messages of version 1 are kept: each contract, each kind of signatures, two deposits. */
export const channels: readonly Channel[] = contracts.flatMap((contract) =>
  SIGNINGS.filter(fitting(contract)).map((signing) => {
    const terms = sampleTerms({ contract, signing });
    const { deposits, transactions: funding } = sampleFunding(terms, [10n * DOGE, 5n * DOGE]);
    return { terms, offer: sampleOffer(terms), deposits, funding };
  }),
);
