/** A DTO as it may really come: what is optional (IsOptional) may be null as well as left out. */
export type Nullable<T> = { readonly [Member in keyof T]: T[Member] | null };
