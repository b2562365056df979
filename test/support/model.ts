/** What a model is told of a session; times in milliseconds. */
export interface Windows {
  readonly grace: number;
  readonly recovery: number;
  readonly idle: number;
}

/** What the model says: the generation of the token that is given, or why there is none. */
export type Said = number | 'expired' | 'revoked' | 'reused';

/**
 * DESIGN section 3 once more, told by the tokens instead of by numbers of the row: what the service must agree with,
 * whatever happens in whatever order.
 */
export class Model {
  now = 0;
  revoked = false;
  /** The token that was exchanged last, and its successors, of which none has been used. */
  private parent = -1;
  private unused: readonly number[] = [0];
  /** Whether one of several was presented inside the window: the parent is then good for the window alone. */
  private disowned = false;
  private exchangedAt = -Infinity;
  private idleUntil: number;

  constructor(private readonly windows: Windows) {
    this.idleUntil = windows.idle;
  }

  get newest(): number {
    return this.unused.at(-1)!;
  }

  /** Whether nothing can come of the session any more. */
  get isOver(): boolean {
    return this.revoked || this.now >= this.idleUntil;
  }

  /** Presents a token. */
  refresh(presented: number): Said {
    if (this.revoked) return 'revoked';
    if (this.now >= this.idleUntil) return 'expired';
    const { grace, recovery } = this.windows;
    const ago = grace === 0 ? Infinity : this.now - this.exchangedAt;
    if (presented > this.newest) return this.exchange(presented, presented + 1);
    if (this.unused.includes(presented)) {
      if (ago > grace) return this.exchange(presented, this.newest + 1);
      if (this.unused.length > 1 && !this.disowned) {
        this.disowned = true;
        this.idleUntil = this.now + this.windows.idle;
      }
      return this.again(presented);
    }
    if (presented === this.parent && ago <= grace) return this.again(this.newest);
    if (presented === this.parent && ago <= recovery && !this.disowned)
      return this.exchange(presented, this.newest + 1);
    this.revoked = true;
    return 'reused';
  }

  /** A copy to go back to when the database loses what comes after it. */
  save(): Model {
    return Object.assign(new Model(this.windows), this);
  }

  /** The columns of the row, in the order of generation, parent, floor, siblings_at, since the exchange, until idle, disowned. */
  row(): [number, number, number, number, number | null, number, boolean] {
    const exchanged = this.exchangedAt === -Infinity ? null : this.exchangedAt - this.now;
    const floor = this.unused[0]! - 1;
    return [
      this.newest,
      this.parent,
      floor,
      this.newest,
      exchanged,
      this.idleUntil - this.now,
      this.disowned,
    ];
  }

  private exchange(presented: number, successor: number): number {
    this.unused = presented === this.parent ? [...this.unused, successor] : [successor];
    this.parent = presented;
    this.disowned = false;
    this.exchangedAt = this.now;
    this.idleUntil = this.now + this.windows.idle;
    return successor;
  }

  private again(token: number): number {
    const due = Math.min(60_000, this.windows.idle / 4);
    if (this.now + this.windows.idle - this.idleUntil > due) this.idleUntil = this.now + this.windows.idle;
    return token;
  }
}

/** Puts a session's row where `model` has it, as a restore or a failover does. */
export async function restore(
  database: { query(sql: string, values: unknown[]): Promise<unknown> },
  id: string,
  model: Model,
): Promise<void> {
  const at = (parameter: number): string => `clock.now() + $${parameter} * interval '1 millisecond'`;
  await database.query(
    `UPDATE public.sessions SET generation = $2, parent = $3, floor = $4, siblings_at = $5, rotated_at = ${at(6)},
       idle_expires_at = ${at(7)}, parent_disowned = $8 WHERE id = $1`,
    [id, ...model.row()],
  );
}
