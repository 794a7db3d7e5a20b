declare const unit: unique symbol;

/** `Value` that can't be mixed up with another of the same shape; made only by the constructor beside its type. */
export type Branded<Value, Name extends string> = Value & { readonly [unit]: Name };
