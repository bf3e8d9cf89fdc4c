/** What the page asks the worker to load, and what it gets to keep. */

/** One image: a file of a server, or bytes of the user's or of an earlier load. */
export interface ImageSource {
  /** For messages. */
  readonly name: string;
  readonly from: { readonly url: string } | { readonly blob: Blob };
  /** Gzip is undone where the data is gzip. */
  readonly unzip: boolean;
  /** Bytes that it must have in the end; null: not known. */
  readonly size: number | null;
}

export interface ImageSources {
  readonly kernel: ImageSource;
  readonly initrds: readonly ImageSource[];
}

/** The `name` of the error when a server has no such file; class names do not cross the worker boundary. */
export const NOT_FOUND = "NotFoundError";
