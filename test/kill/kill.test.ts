import { killing } from "./kills.ts";

killing(50);
