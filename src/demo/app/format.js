// Times and durations as people read them.

const clock = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit" });
const clockWithSeconds = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", second: "2-digit" });
const day = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short", year: "numeric" });

/** `12:04`, `1:02:03`, or `29 d 23 h`. */
export function remaining(seconds) {
  const left = Math.max(0, Math.ceil(seconds));
  const [days, hours, minutes] = [Math.floor(left / 86400), Math.floor(left / 3600) % 24, Math.floor(left / 60) % 60];
  const two = (number) => String(number).padStart(2, "0");
  if (days > 0) return `${days} d ${hours} h`;
  if (hours > 0) return `${hours}:${two(minutes)}:${two(left % 60)}`;
  return `${minutes}:${two(left % 60)}`;
}

/** A point in time, `seconds` since 1970: the time of day, with the date if it is not within a day. */
export function moment(seconds) {
  const date = new Date(seconds * 1000);
  const near = Math.abs(date - Date.now()) < 86_400_000;
  return near ? clock.format(date) : `${day.format(date)}, ${clock.format(date)}`;
}

export const momentWithSeconds = (milliseconds) => clockWithSeconds.format(new Date(milliseconds));

export const took = (milliseconds) => (milliseconds < 1000 ? `${milliseconds} ms` : `${(milliseconds / 1000).toFixed(1)} s`);
