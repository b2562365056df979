/** What class-transformer was told by decorators. It exports it, but has no types at the place that Node loads it from. */
declare module 'class-transformer/cjs/storage.js' {
  export const defaultMetadataStorage: {
    findTypeMetadata(target: object, property: string): { typeFunction(): object } | undefined;
    findTransformMetadatas(target: object, property: string, transformationType: number): readonly object[];
  };
}
