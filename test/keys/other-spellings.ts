/** What stands for the same bytes as a JWT for a lenient reader: padded, with blanks, or with bits that say nothing. */
export function otherSpellings(jwt: string): string[] {
  const [header, claims, signature] = jwt.split('.') as [string, string, string];
  return [
    `${jwt}=`,
    `${jwt}==`,
    `${header}=.${claims}=.${signature}`,
    `${header}. ${claims}.${signature}`,
    `${header}.${claims}.${signature.slice(0, 40)} ${signature.slice(40)}`,
    `${header}.${claims}.${withOtherLastBits(signature)}`,
    `${jwt}.`,
  ];
}

/** 64 bytes are 86 characters, the last of which has four bits to spare. */
function withOtherLastBits(signature: string): string {
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
  const last = alphabet.indexOf(signature.at(-1)!);
  return signature.slice(0, -1) + alphabet[last ^ 1]!;
}
