/** Scope values separated by single spaces (RFC 6749 section 3.3). */
export const SCOPE = /^[\x21\x23-\x5B\x5D-\x7E]+( [\x21\x23-\x5B\x5D-\x7E]+)*$/;
