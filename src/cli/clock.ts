const day = 86_400_000;

/** An instant as a person would say it: `14:02` today, `2026-11-20 14:02` before. In the host's time zone. */
export function clockText(instant: number, now: number): string {
  const date = new Date(instant);
  const two = (value: number) => String(value).padStart(2, '0');
  const time = `${two(date.getHours())}:${two(date.getMinutes())}`;
  const sameDay = now - instant < day && date.getDate() === new Date(now).getDate();
  return sameDay ? time : `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())} ${time}`;
}
