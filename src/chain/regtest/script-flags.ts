/** Script verification flags with the bits of `script/interpreter.h`; a set of flags is their sum. */
export const FLAG = {
  P2SH: 0x1,
  STRICTENC: 0x2,
  DERSIG: 0x4,
  LOW_S: 0x8,
  NULLDUMMY: 0x10,
  SIGPUSHONLY: 0x20,
  MINIMALDATA: 0x40,
  DISCOURAGE_UPGRADABLE_NOPS: 0x80,
  CLEANSTACK: 0x100,
  CHECKLOCKTIMEVERIFY: 0x200,
  CHECKSEQUENCEVERIFY: 0x400,
  WITNESS: 0x800,
  DISCOURAGE_UPGRADABLE_WITNESS_PROGRAM: 0x1000,
  MINIMALIF: 0x2000,
  NULLFAIL: 0x4000,
  WITNESS_PUBKEYTYPE: 0x8000,
  /** Litecoin Core 0.21 only: OP_CODESEPARATOR and signatures inside the script they sign are not relayed. */
  CONST_SCRIPTCODE: 0x10000,
} as const;
export type FlagName = keyof typeof FLAG;

export const NO_FLAGS = 0;

/** Flags whose violation counts against the sender (`policy.h`, MANDATORY_SCRIPT_VERIFY_FLAGS); the node's texts call all others policy. */
export const MANDATORY_FLAGS: number = FLAG.P2SH;

/** What relay requires of every input (`policy.h`, STANDARD_SCRIPT_VERIFY_FLAGS of Dogecoin Core 1.14). */
export const STANDARD_FLAGS: number =
  MANDATORY_FLAGS |
  FLAG.DERSIG |
  FLAG.STRICTENC |
  FLAG.MINIMALDATA |
  FLAG.NULLDUMMY |
  FLAG.DISCOURAGE_UPGRADABLE_NOPS |
  FLAG.CLEANSTACK |
  FLAG.MINIMALIF |
  FLAG.NULLFAIL |
  FLAG.CHECKLOCKTIMEVERIFY |
  FLAG.CHECKSEQUENCEVERIFY |
  FLAG.LOW_S |
  FLAG.WITNESS |
  FLAG.DISCOURAGE_UPGRADABLE_WITNESS_PROGRAM |
  FLAG.WITNESS_PUBKEYTYPE;

export function isFlagName(text: string): text is FlagName {
  return Object.hasOwn(FLAG, text);
}

/** The flags of a text such as `P2SH,STRICTENC`; an empty text and `NONE` mean no flags. Undefined when a name is unknown. */
export function parseFlags(text: string): number | undefined {
  let flags = NO_FLAGS;
  for (const name of text.split(',')) {
    if (name === '' || name === 'NONE') continue;
    if (!isFlagName(name)) return undefined;
    flags |= FLAG[name];
  }
  return flags;
}
