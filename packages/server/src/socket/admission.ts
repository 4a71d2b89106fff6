/** One connection's right to be there: who it is, until when, and how it is renewed in band. */
import type { AuthOk, CloseWord, Status } from '@meetcast/protocol';
import type { Authenticator, Grant, Permission } from '../auth/authenticator.ts';
import { isNamed } from '../lib/errors.ts';
import { longestTimerMs } from '../lib/limits.ts';
import { type MeetingRef, stamp } from '../lib/meeting.ts';
import { statusText, tokenText } from '../lib/sentences.ts';

/** What a session does when its right changes. */
export interface AdmissionEvents {
  send(message: AuthOk | Status): void;
  close(word: CloseWord, message: string): void;
}

export class Admission {
  readonly #authenticate: Authenticator;
  readonly #meeting: MeetingRef;
  readonly #needs: Permission;
  readonly #warningMs: number;
  #grant: Grant;
  #events: AdmissionEvents | undefined;
  #timer: NodeJS.Timeout | undefined;
  #begun: () => void = () => {};
  readonly #beginning = new Promise<void>((resolve) => {
    this.#begun = resolve;
  });

  constructor(
    grant: Grant,
    meeting: MeetingRef,
    needs: Permission,
    authenticate: Authenticator,
    warningMs: number,
  ) {
    this.#grant = grant;
    this.#meeting = meeting;
    this.#needs = needs;
    this.#authenticate = authenticate;
    this.#warningMs = warningMs;
  }

  may(permission: Permission): boolean {
    return this.#grant.may.has(permission);
  }

  /** Starts to watch the time. `end` stops it. */
  begin(events: AdmissionEvents): void {
    this.#events = events;
    this.#watch(false);
    this.#begun();
  }

  /** Takes a fresh token of the same user and tenant; it may give or take rights. */
  async renew(token: string): Promise<void> {
    await this.#beginning;
    try {
      const grant = await this.#authenticate(token);
      if (!this.#events) return;
      if (grant.userId !== this.#grant.userId || grant.tenant !== this.#grant.tenant) {
        return this.#events.close('auth_failed', tokenText.ofSomebodyElse);
      }
      if (!grant.may.has(this.#needs)) {
        return this.#events.close('forbidden', tokenText.forbidden(grant.role, this.#needs));
      }
      this.#grant = grant;
      this.#watch(false);
      this.#events.send({ type: 'auth_ok', expires_at: new Date(grant.expiresAt).toISOString() });
    } catch (error) {
      if (isNamed('AuthError', error)) this.#events?.close('auth_failed', error.message);
      else this.#events?.close('internal_error', tokenText.notChecked);
    }
  }

  end(): void {
    this.#events = undefined;
    clearTimeout(this.#timer);
  }

  #watch(isWarned: boolean): void {
    clearTimeout(this.#timer);
    const now = Date.now();
    const warnAt = this.#grant.expiresAt - this.#warningMs;
    if (now >= this.#grant.expiresAt) {
      return this.#events?.close('token_expired', tokenText.expired);
    }
    if (!isWarned && now >= warnAt) {
      this.#warn();
      isWarned = true;
    }
    const until = isWarned ? this.#grant.expiresAt : warnAt;
    this.#timer = setTimeout(() => this.#watch(isWarned), Math.min(until - now, longestTimerMs));
  }

  #warn(): void {
    const { expiresAt } = this.#grant;
    this.#events?.send({
      type: 'status',
      ...stamp(this.#meeting),
      status: 'token_expiring',
      message: statusText.tokenExpiring(Math.max(0, Math.round((expiresAt - Date.now()) / 1000))),
      details: { expires_at: new Date(expiresAt).toISOString() },
    });
  }
}
