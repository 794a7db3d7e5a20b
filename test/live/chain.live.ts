import { describeNodes } from './chain-rows.ts';
import { nodeKinds } from './node.ts';

describeNodes(nodeKinds);
