/** Reject codes of `validation.h`; Dogecoin Core prints them before the reason. */
export const REJECT = {
  INVALID: 16,
  DUPLICATE: 18,
  NONSTANDARD: 64,
  INSUFFICIENT_FEE: 66,
  HIGH_FEE: 256,
  ALREADY_KNOWN: 257,
  CONFLICT: 258,
} as const;
