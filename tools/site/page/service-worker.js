// The lab from this browser's own cache, with or without a network. What JupyterLite's worker does (it
// hands files to Python) stays as it is.
{
  const NAME = "nova-lab-BUILD";
  const FILES = [/* FILES */];
  const OURS = [new URL("./", self.location.href).href, /* PYODIDE */];
  const NOT = /\/api\/(drive|stdin|service-worker)/;

  const isOurs = ({ url, method }) =>
    method === "GET" && OURS.some((start) => url.startsWith(start)) && !NOT.test(url);
  // One file, whatever stands behind its question mark.
  const key = (url) => url.replace(/[?#].*/, "");

  const answer = async (request) => {
    const cache = await caches.open(NAME);
    const kept = await cache.match(key(request.url));
    if (kept) return kept;
    const got = await fetch(request);
    if (got.status === 200 || got.type === "opaque") await cache.put(key(request.url), got.clone());
    return got;
  };

  self.addEventListener("activate", (event) => {
    const old = (names) => names.filter((name) => name.startsWith("nova-lab-") && name !== NAME);
    event.waitUntil(caches.keys().then((names) => Promise.all(old(names).map((name) => caches.delete(name)))));
  });
  self.addEventListener("fetch", (event) => {
    if (!isOurs(event.request)) return;
    event.stopImmediatePropagation();
    event.respondWith(answer(event.request));
  });
  self.addEventListener("message", (event) => {
    const urls = [...(event.data.keep ?? []), ...["", ...FILES].map((name) => OURS[0] + name)];
    const keep = urls.map((url) => new Request(url)).filter(isOurs);
    event.waitUntil(Promise.allSettled(keep.map(answer)).then(() => event.source.postMessage("nova-lab-kept")));
  });
}
importScripts("jupyterlite-service-worker.js");
