/** The user an activation belongs to. */
export interface User {
  readonly id: string;
  readonly externalId: string;
  readonly displayName: string;
  readonly organisationId: string;
  readonly createdAt: string;
  readonly updatedAt: string;
}

/** One user's use of the project: who runs, and with which variables. */
export interface Activation {
  readonly id: string;
  readonly user: User;
  /** The variable's value with its JSON type; `undefined` when it was never set. */
  getVariable<T = unknown>(name: string): T | undefined;
  /** Stores the variable for later runs, and for this one. */
  setVariable(name: string, value: unknown): Promise<void>;
}
