package pawment.interop;

import com.google.common.util.concurrent.Futures;
import com.google.common.util.concurrent.ListenableFuture;
import com.google.gson.JsonArray;
import com.google.gson.JsonObject;
import com.google.protobuf.ByteString;
import java.io.File;
import java.net.URI;
import org.bitcoinj.core.Coin;
import org.bitcoinj.core.Context;
import org.bitcoinj.core.NetworkParameters;
import org.bitcoinj.core.Sha256Hash;
import org.bitcoinj.core.Transaction;
import org.bitcoinj.core.Utils;
import org.bitcoinj.protocols.channels.StoredChannels;
import org.bitcoinj.protocols.channels.StoredPaymentChannelServerStates;
import org.bitcoinj.wallet.Wallet;

/** One wallet and what it does: pay, be paid, or both. */
final class Peer {
  private NetworkParameters network;
  private Node node;
  private Purse purse;
  private Server server;
  private Client client;

  ListenableFuture<JsonObject> perform(JsonObject command) throws Exception {
    switch (command.get("do").getAsString()) {
      case "start" -> start(command);
      case "time" -> Utils.setMockClock(command.get("seconds").getAsLong());
      case "see" -> purse.see(transaction(command));
      case "mine" -> purse.mine(command.get("count").getAsInt(), command.has("hex") ? transaction(command) : null);
      case "wallet" -> {
        return Futures.immediateFuture(describeWallet());
      }
      case "channels" -> {
        return Futures.immediateFuture(describeChannels());
      }
      case "listen" -> {
        server = new Server(node, purse.wallet, command);
        return Futures.immediateFuture(Line.of("port", server.listen()));
      }
      case "close-listener" -> server.close();
      case "hang-up" -> server.hangUp();
      case "settle-channel" -> settleChannel(command.get("contract").getAsString());
      case "connect" -> {
        client = new Client(purse.wallet, command);
        return client.connect();
      }
      case "pay" -> {
        ByteString info = command.has("info") ? ByteString.copyFrom(Utils.HEX.decode(command.get("info").getAsString())) : null;
        return client.pay(Coin.valueOf(command.get("size").getAsLong()), info);
      }
      case "state" -> {
        return Futures.immediateFuture(client.describe());
      }
      case "settle" -> client.settle();
      case "disconnect" -> client.disconnect();
      case "refund" -> refund(command.get("contract").getAsString());
      case "bench" -> {
        return Futures.immediateFuture(Line.of("perSecond", new Bench(command).perSecond()));
      }
      default -> throw new IllegalArgumentException("no command " + command);
    }
    return Futures.immediateFuture(new JsonObject());
  }

  private void start(JsonObject options) throws Exception {
    network = Network.named(options.get("network").getAsString());
    new Context(network, options.get("eventHorizon").getAsInt(), Coin.valueOf(options.get("feePerKb").getAsLong()), true);
    Utils.setMockClock(options.get("time").getAsLong());
    JsonObject rpc = options.getAsJsonObject("node");
    node = new Node(URI.create(rpc.get("url").getAsString()), rpc.get("user").getAsString(), rpc.get("password").getAsString());
    purse = Purse.open(network, new File(options.get("wallet").getAsString()), options.get("seed").getAsString(), node);
  }

  private Transaction transaction(JsonObject command) {
    return new Transaction(network, Utils.HEX.decode(command.get("hex").getAsString()));
  }

  private JsonObject describeWallet() {
    Wallet wallet = purse.wallet;
    Coin balance = wallet.getBalance(Wallet.BalanceType.ESTIMATED);
    return Line.of("address", wallet.currentReceiveAddress(), "balance", balance.value, "transactions", wallet.getTransactions(true).size());
  }

  private JsonObject describeChannels() {
    JsonArray payer = new JsonArray();
    for (StoredChannels.Payer one : StoredChannels.payer(purse.wallet)) {
      payer.add(Line.of("version", one.version(), "contract", one.txid(), "expiry", one.expiry(), "left", one.left(), "key", one.key(),
          "serverKey", one.serverKey(), "active", one.active(), "closedBy", one.closedBy(), "contractHex", hex(one.contract()),
          "refundHex", hex(one.refund())));
    }
    JsonArray payee = new JsonArray();
    for (StoredChannels.Payee one : StoredChannels.payee(purse.wallet)) {
      payee.add(Line.of("version", one.version(), "contract", one.txid(), "expiry", one.expiry(), "best", one.best(), "signature",
          one.signature(), "key", one.key()));
    }
    return Line.of("payer", payer, "payee", payee);
  }

  private static String hex(Transaction transaction) {
    return Utils.HEX.encode(transaction.bitcoinSerialize());
  }

  private void settleChannel(String contract) {
    StoredPaymentChannelServerStates channels = StoredPaymentChannelServerStates.getFromWallet(purse.wallet);
    channels.closeChannel(channels.getChannel(Sha256Hash.wrap(contract)));
  }

  /** Broadcasts contract and refund as bitcoinj's timer does at expiry, which does it only once. */
  private void refund(String contract) {
    for (StoredChannels.Payer one : StoredChannels.payer(purse.wallet)) {
      if (!one.txid().equals(contract)) continue;
      node.broadcastTransaction(one.contract());
      node.broadcastTransaction(one.refund());
    }
  }
}
