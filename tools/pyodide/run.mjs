// Called by run.py: node run.mjs PYODIDE TRIAL. Unpacks TRIAL/wheels/*.whl into Pyodide and runs TRIAL/trial.py there.

import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

const [folder, trial] = process.argv.slice(2);

// What is missing in the folder, Pyodide would fetch from its own servers: better to hear of it.
globalThis.fetch = (url) => {
  throw new Error(`${url}: not in ${folder}, and nothing is fetched`);
};

try {
  const { loadPyodide } = await import(pathToFileURL(join(folder, "pyodide.mjs")));
  const pyodide = await loadPyodide({ indexURL: folder });
  await pyodide.loadPackage("numpy", { messageCallback: () => {} });
  for (const wheel of readdirSync(join(trial, "wheels"))) {
    const bytes = new Uint8Array(readFileSync(join(trial, "wheels", wheel))); // Pyodide takes no Buffer of Node's
    pyodide.unpackArchive(bytes, "wheel"); // into site-packages, dist-info included
  }
  pyodide.mountNodeFS("/trial", trial);
  process.exitCode = pyodide.runPython(`
import sys, warnings
warnings.simplefilter("error")  # as in the tests
sys.path.insert(0, "/trial")
import trial
trial.main()
`);
} catch (error) {
  console.error(error.message); // Node would print the line that threw as well: all of pyodide.asm.js
  process.exitCode = 1;
}
