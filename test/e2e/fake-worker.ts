/** The stand-in machine in a worker, in the place of src/vmm/worker.ts. */
import * as Comlink from "comlink";
import { FakeMachine } from "./fake-machine.ts";

Comlink.expose(new FakeMachine());
