/** The part of the package that is used: it comes without types. */
declare module 'fs-native-extensions' {
  /**
   * Locks a range of a file, whoever else has it open, until the descriptor is closed or its process ends.
   *
   * @returns false if another descriptor, of whatever process, holds a part of it
   */
  export function tryLock(fd: number, offset: number, length: number): boolean;
}
