/** Which meeting: the tenant is part of its name, so nothing can cross tenants. */
export interface MeetingRef {
  /** From the token's `tenant_id`; never from the address. */
  readonly tenant: string;
  readonly id: string;
}

/** One string per meeting. Neither part can contain the slash. */
export const meetingKey = (meeting: MeetingRef): string => `${meeting.tenant}/${meeting.id}`;

/** What every event of a meeting begins with. */
export const stamp = (meeting: MeetingRef) => ({ meeting_id: meeting.id, ts: new Date().toISOString() });
