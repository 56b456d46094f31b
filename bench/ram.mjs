// Run bench/ram_workload.py inside MicroPython's WebAssembly build, which has 32 bits as an ESP32 has.
// Usage: node ram.mjs PACKAGE FOLDER; FOLDER is the application's bytecode with ram_workload.py in it.
// The collector of this build runs between two calls from here only, hence a call for each step.
import fs from "node:fs";
import path from "node:path";
import { pathToFileURL } from "node:url";

const [packageFile, folder] = process.argv.slice(2);
const { loadMicroPython } = await import(pathToFileURL(packageFile).href);

function copy(mp, from, to) {
  for (const name of fs.readdirSync(from)) {
    const source = path.join(from, name);
    if (fs.statSync(source).isDirectory()) {
      if (!mp.FS.analyzePath(`${to}/${name}`).exists) {
        mp.FS.mkdir(`${to}/${name}`);
      }
      copy(mp, source, `${to}/${name}`);
    } else {
      mp.FS.writeFile(`${to}/${name}`, fs.readFileSync(source));
    }
  }
}

const mp = await loadMicroPython({ heapsize: 4 * 1024 * 1024, pystack: 64 * 1024, stdout: (line) => console.log(line), linebuffer: true });
copy(mp, folder, "");
mp.runPython(`
import sys
sys.path[:] = ["/", "/lib"]
import ram_workload
`);
mp.runPython("steps = ','.join(step.__name__ for step in ram_workload.STEPS)");
for (const step of mp.globals.get("steps").split(",")) {
  mp.runPython(`ram_workload.${step}()`);
  for (let again = 0; again < 3; again++) {
    mp.runPython("import gc; gc.collect()");
  }
  mp.runPython(`print("${step}", ram_workload.used())`);
}
