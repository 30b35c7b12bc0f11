import { killing } from "./kills.ts";

killing(500);
