/** An address that {@link parseAddress} let through, and the name shown with it. */
export interface Mailbox {
  readonly address: string
  readonly name?: string
}

/** Everything that a mail consists of. */
export interface MailParts {
  readonly from: Mailbox
  readonly to: Mailbox
  readonly replyTo?: string
  readonly subject: string
  readonly html: string
  readonly text: string
  /** With its angle brackets. */
  readonly messageId: string
  readonly date: Date
  /** Further headers by their name. `Auto-Submitted: auto-generated` is always there. */
  readonly headers?: Readonly<Record<string, string>>
}

/** The port to the builder of messages. */
export interface MimeComposer {
  /**
   * The message as it goes over the wire, in CRLF lines of at most 998 bytes, before dot-stuffing. Nothing in a part can add
   * a header, a recipient or a line: control characters in names, subject and header values become blanks, and what no
   * client would show of an endless name or subject is cut.
   *
   * @throws Error for a header name or address that no mail can carry: the caller's mistake.
   */
  compose(parts: MailParts): Promise<Uint8Array>
}
