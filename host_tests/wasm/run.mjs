// Run the core tests inside MicroPython's WebAssembly build.
// Usage: node run.mjs RUNNER LIB_DIR VECTORS_DIR FILE...
// The files are copied into the interpreter's own file system; output and counts are the runner's.
import fs from "node:fs";
import path from "node:path";
import { loadMicroPython } from "@micropython/micropython-webassembly-pyscript";

const HEAP_BYTES = 8 * 1024 * 1024;
const PYSTACK_BYTES = 64 * 1024;
const [runner, lib, vectors, ...files] = process.argv.slice(2);

function copy(mp, from, to) {
  if (fs.statSync(from).isDirectory()) {
    mp.FS.mkdir(to);
    for (const name of fs.readdirSync(from)) {
      if (name !== "__pycache__") {
        copy(mp, path.join(from, name), `${to}/${name}`);
      }
    }
  } else {
    mp.FS.writeFile(to, fs.readFileSync(from));
  }
}

const mp = await loadMicroPython({ heapsize: HEAP_BYTES, pystack: PYSTACK_BYTES, stdout: (line) => console.log(line), linebuffer: true });
copy(mp, lib, "/lib_under_test");
copy(mp, vectors, "/vectors");
copy(mp, path.dirname(files[0]), "/core");
const inside = files.map((file) => `/core/${path.basename(file)}`);
const runnerInside = `/core/${path.basename(runner)}`;
mp.globals.set("arguments", JSON.stringify(["/lib_under_test", "/vectors", ...inside]));
mp.globals.set("runner", runnerInside);
try {
  mp.runPython(`
import json, sys
sys.path.insert(0, "/core")
import run_micropython
status = run_micropython.main(json.loads(arguments))
`);
  process.exitCode = mp.globals.get("status");
} catch (error) {
  console.log(String(error));
  process.exitCode = 1;
}
