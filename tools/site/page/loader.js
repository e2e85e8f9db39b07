// Run by the kernel's worker: loads Pyodide from where the site was built for, and tells the page
// (lab.js) when that fails.
self.loadPyodide = async (options) => {
  const here = new URL("./", options.lockFileURL);
  const core = new URL("PYODIDE", here).href;
  // Pyodide waits for ever for a core that does not come: the first file that fails ends it.
  const ask = self.fetch;
  const failed = new Promise((_, no) => {
    self.fetch = async (...what) => {
      try {
        const got = await ask(...what);
        if (!got.ok) throw new Error(`${got.url}: ${got.status}`);
        return got;
      } catch (error) {
        no(error);
        throw error;
      }
    };
  });
  failed.catch(() => {});
  try {
    importScripts(`${core}pyodide.js`); // defines loadPyodide anew
    const lock = await (await fetch(options.lockFileURL)).json();
    for (const one of Object.values(lock.packages)) {
      one.file_name = new URL(one.file_name, here).href;
    }
    const lockFileURL = URL.createObjectURL(new Blob([JSON.stringify(lock)]));
    const packages = options.packages.filter((name) => name in lock.packages);
    const loaded = self.loadPyodide({ ...options, packages, indexURL: core, lockFileURL });
    const pyodide = await Promise.race([loaded, failed]);
    const missing = packages.filter((name) => !(name in pyodide.loadedPackages));
    if (missing.length) throw new Error(`not loaded: ${missing.join(", ")}`);
    // An address without https has no service worker, so Python cannot see the page's files: ../data is
    // then labkit's own. Not a word about the list of fonts. And what the kernel does next, where nobody
    // would hear it fail.
    await pyodide.runPythonAsync(`
      import logging, pathlib, site
      pathlib.Path("/home/data").symlink_to(f"{site.getsitepackages()[0]}/data")
      logging.getLogger("matplotlib.font_manager").setLevel("ERROR")
      import pyodide_kernel
    `);
    return pyodide;
  } catch (error) {
    new BroadcastChannel("nova-lab").postMessage(`${error.message} (${core})`);
    throw error;
  } finally {
    self.fetch = ask;
  }
};
