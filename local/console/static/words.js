// Numbers and times for people.

export const count = (number, one, many = `${one}s`) =>
  `${number.toLocaleString("en")} ${number === 1 ? one : many}`;

export function seconds(value) {
  if (value < 120) return `${Math.max(0, Math.round(value))} s`;
  if (value < 7200) return `${Math.round(value / 60)} min`;
  if (value < 172800) return `${Math.round(value / 3600)} h`;
  return `${Math.round(value / 86400)} days`;
}

/** A time of ISO 8601, or unix seconds, as `30 November 2026, 19:07 UTC`. */
export function moment(time) {
  const date = typeof time === "number" ? new Date(time * 1000) : new Date(time);
  const text = date.toLocaleString("en-GB", {
    day: "numeric", month: "long", year: "numeric", hour: "2-digit", minute: "2-digit", timeZone: "UTC",
  });
  return `${text} UTC`;
}

/** A key as it stands in a URL, encoded as ImageKit's SDKs do. */
export const encoded = (key) =>
  encodeURIComponent(key)
    .replaceAll("*", "%2A")
    .replace(/%(2F|3A|40|24|26|2B|2C|3B|3D)/g, (each) => decodeURIComponent(each));
