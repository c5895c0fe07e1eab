// Runs the module named on the command line, and prints what it has to say.
import { readFileSync } from "node:fs";

let memory;
const text = new TextDecoder();
const { instance } = await WebAssembly.instantiate(readFileSync(process.argv[2]), {
  env: {
    print: (at, length) => process.stdout.write(text.decode(new Uint8Array(memory.buffer, at, length))),
    fail: () => {
      throw new Error("panicked");
    },
  },
});
memory = instance.exports.memory;
instance.exports.run();
