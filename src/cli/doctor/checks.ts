import type { Check, Facts, Finding } from './facts.ts';
import { hostChecks } from './host-checks.ts';
import { keepingChecks } from './keeping-checks.ts';
import { nodeChecks } from './node-checks.ts';

/** In the order of the report. */
const CHECKS: readonly Check[] = [...nodeChecks, ...hostChecks, ...keepingChecks];

export function findingsOf(facts: Facts): readonly Finding[] {
  return CHECKS.flatMap((check) => check(facts));
}
