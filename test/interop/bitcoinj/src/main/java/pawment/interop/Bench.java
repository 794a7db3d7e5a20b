package pawment.interop;

import com.google.common.util.concurrent.ListenableFuture;
import com.google.common.util.concurrent.SettableFuture;
import com.google.gson.JsonObject;
import com.google.protobuf.ByteString;
import java.io.File;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.List;
import java.util.Queue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import org.bitcoin.paymentchannel.Protos.TwoWayChannelMessage;
import org.bitcoin.paymentchannel.Protos.TwoWayChannelMessage.MessageType;
import org.bitcoin.paymentchannel.Protos.UpdatePayment;
import org.bitcoinj.core.Coin;
import org.bitcoinj.core.Context;
import org.bitcoinj.core.ECKey;
import org.bitcoinj.core.InsufficientMoneyException;
import org.bitcoinj.core.NetworkParameters;
import org.bitcoinj.core.Sha256Hash;
import org.bitcoinj.core.Transaction;
import org.bitcoinj.core.TransactionBroadcast;
import org.bitcoinj.core.TransactionBroadcaster;
import org.bitcoinj.core.TransactionInput;
import org.bitcoinj.core.TransactionOutPoint;
import org.bitcoinj.core.Utils;
import org.bitcoinj.protocols.channels.IPaymentChannelClient;
import org.bitcoinj.protocols.channels.PaymentChannelClient;
import org.bitcoinj.protocols.channels.PaymentChannelClient.VersionSelector;
import org.bitcoinj.protocols.channels.PaymentChannelClientConnection;
import org.bitcoinj.protocols.channels.PaymentChannelClientState;
import org.bitcoinj.protocols.channels.PaymentChannelCloseException.CloseReason;
import org.bitcoinj.protocols.channels.PaymentChannelServer;
import org.bitcoinj.protocols.channels.PaymentChannelServerListener;
import org.bitcoinj.protocols.channels.ServerConnectionEventHandler;
import org.bitcoinj.wallet.Wallet;
import org.bouncycastle.crypto.params.KeyParameter;

/** How many payments a second bitcoinj's payee takes. Nothing is broadcast; payments are of one unit, and all but `tcp` signs them beforehand. */
final class Bench {
  private static final Coin VALUE = Coin.COIN;
  private static final Coin MINIMUM = Coin.valueOf(100_000);
  private static final TransactionBroadcaster NOWHERE =
      transaction -> {
        SettableFuture<Transaction> sent = SettableFuture.create();
        sent.set(transaction);
        return TransactionBroadcast.createMockBroadcast(transaction, sent);
      };

  private final NetworkParameters network = Network.named("bitcoin-regtest");
  private final JsonObject row;
  private final int warmUp;
  private final int count;
  private final Wallet payee;

  Bench(JsonObject row) throws Exception {
    new Context(network, 100, Coin.valueOf(100_000), true);
    this.row = row;
    this.warmUp = row.get("warmUp").getAsInt();
    this.count = row.get("count").getAsInt();
    this.payee = Purse.create(network, Utils.HEX.encode(new ECKey().getPrivKeyBytes()));
    if (row.has("wallet")) payee.autosaveToFile(new File(row.get("wallet").getAsString()), 0, TimeUnit.MILLISECONDS, null);
  }

  double perSecond() throws Exception {
    return switch (row.get("level").getAsString()) {
      case "state" -> inMemory((server, update) ->
          server.state().incrementPayment(Coin.valueOf(update.getUpdatePayment().getClientChangeValue()),
              update.getUpdatePayment().getSignature().toByteArray()));
      case "message" -> inMemory((server, update) -> server.receiveMessage(TwoWayChannelMessage.parseFrom(update.toByteArray())));
      case "tcp" -> overTcpAsShipped();
      case "raw" -> overTcp(row.get("connections").getAsInt(), row.get("inFlight").getAsInt());
      default -> throw new IllegalArgumentException("no level " + row);
    };
  }

  private interface Take {
    void take(PaymentChannelServer server, TwoWayChannelMessage update) throws Exception;
  }

  private double inMemory(Take take) throws Exception {
    Queue<TwoWayChannelMessage> toServer = new ArrayDeque<>();
    Queue<TwoWayChannelMessage> toClient = new ArrayDeque<>();
    PaymentChannelClient client = client(toServer::add);
    PaymentChannelServer server = new PaymentChannelServer(NOWHERE, payee, MINIMUM, new Silent(message -> {
      message.toByteArray();
      if (message.getType() != MessageType.PAYMENT_ACK) toClient.add(message);
    }));
    server.connectionOpen();
    client.connectionOpen();
    while (!toServer.isEmpty() || !toClient.isEmpty()) {
      while (!toServer.isEmpty()) server.receiveMessage(toServer.remove());
      while (!toClient.isEmpty()) client.receiveMessage(toClient.remove());
    }
    List<TwoWayChannelMessage> updates = sign(client.state());
    for (TwoWayChannelMessage update : updates.subList(0, warmUp)) take.take(server, update);
    long start = System.nanoTime();
    for (TwoWayChannelMessage update : updates.subList(warmUp, updates.size())) take.take(server, update);
    return rate(count, start);
  }

  private double overTcpAsShipped() throws Exception {
    PaymentChannelServerListener server = listen();
    InetSocketAddress address = new InetSocketAddress(InetAddress.getLoopbackAddress(), Server.portOf(server));
    PaymentChannelClientConnection client =
        new PaymentChannelClientConnection(address, 15, payer(), new ECKey(), VALUE, "bench", null, new Properties());
    client.getChannelOpenFuture().get();
    for (int i = 0; i < warmUp; i++) client.incrementPayment(Coin.SATOSHI).get();
    long start = System.nanoTime();
    for (int i = 0; i < count; i++) client.incrementPayment(Coin.SATOSHI).get();
    double rate = rate(count, start);
    client.disconnectWithoutSettlement();
    server.close();
    return rate;
  }

  /** Clients without delay that write each frame at once, with so many payments on the way on each connection. */
  private double overTcp(int connections, int inFlight) throws Exception {
    PaymentChannelServerListener server = listen();
    int port = Server.portOf(server);
    ExecutorService threads = Executors.newFixedThreadPool(connections);
    List<Payer> payers = new ArrayList<>();
    for (int i = 0; i < connections; i++) payers.add(new Payer(port, inFlight));
    run(threads, payers, 0, warmUp);
    long start = System.nanoTime();
    run(threads, payers, warmUp, warmUp + count);
    double rate = rate(connections * count, start);
    threads.shutdown();
    server.close();
    return rate;
  }

  private static void run(ExecutorService threads, List<Payer> payers, int from, int to) throws Exception {
    List<Future<?>> done = new ArrayList<>();
    for (Payer payer : payers) done.add(threads.submit(() -> payer.pay(from, to)));
    for (Future<?> one : done) one.get();
  }

  private final class Payer {
    private final FrameSocket socket;
    private final List<TwoWayChannelMessage> updates;
    private final Semaphore free;
    private final int inFlight;

    Payer(int port, int inFlight) throws Exception {
      this.inFlight = inFlight;
      free = new Semaphore(inFlight);
      socket = new FrameSocket(new Socket(InetAddress.getLoopbackAddress(), port));
      CountDownLatch open = new CountDownLatch(1);
      PaymentChannelClient client = client(socket::send);
      client.connectionOpen();
      Main.inBackground(() -> socket.receive(message -> {
        if (message.getType() == MessageType.PAYMENT_ACK) free.release();
        else answer(client, message);
        if (message.getType() == MessageType.CHANNEL_OPEN) open.countDown();
      }));
      open.await();
      updates = sign(client.state());
    }

    void pay(int from, int to) {
      for (TwoWayChannelMessage update : updates.subList(from, to)) {
        free.acquireUninterruptibly();
        socket.send(update);
      }
      free.acquireUninterruptibly(inFlight);
      free.release(inFlight);
    }
  }

  private PaymentChannelServerListener listen() throws Exception {
    PaymentChannelServerListener listener = new PaymentChannelServerListener(NOWHERE, payee, 15, MINIMUM, address -> new SilentHandler());
    listener.bindAndStart(0);
    return listener;
  }

  private PaymentChannelClient client(Consumer<TwoWayChannelMessage> send) throws Exception {
    return new PaymentChannelClient(payer(), new ECKey(), VALUE, Sha256Hash.of(new byte[0]), null, new Properties(), new IPaymentChannelClient.ClientConnection() {
      @Override
      public void sendToServer(TwoWayChannelMessage message) {
        send.accept(message);
      }

      @Override
      public void destroyConnection(CloseReason reason) {
        throw new IllegalStateException(reason.toString());
      }

      @Override
      public boolean acceptExpireTime(long expiry) {
        return true;
      }

      @Override
      public void channelOpen(boolean wasInitiated) {}
    });
  }

  private static void answer(PaymentChannelClient client, TwoWayChannelMessage message) {
    try {
      client.receiveMessage(message);
    } catch (InsufficientMoneyException failure) {
      throw new IllegalStateException(failure);
    }
  }

  /** A wallet with money from nowhere. */
  private Wallet payer() throws Exception {
    Wallet wallet = Purse.create(network, Utils.HEX.encode(new ECKey().getPrivKeyBytes()));
    Transaction money = new Transaction(network);
    money.addInput(new TransactionInput(network, money, new byte[0], new TransactionOutPoint(network, 0, Sha256Hash.of(wallet.getWatchingKey().getPubKey()))));
    money.addOutput(VALUE.multiply(2), wallet.currentReceiveAddress());
    wallet.receivePending(money, null, true);
    return wallet;
  }

  private List<TwoWayChannelMessage> sign(PaymentChannelClientState state) throws Exception {
    List<TwoWayChannelMessage> updates = new ArrayList<>();
    for (int i = 0; i < warmUp + count; i++) {
      byte[] signature = state.incrementPaymentBy(Coin.SATOSHI, null).signature.encodeToBitcoin();
      UpdatePayment.Builder update = UpdatePayment.newBuilder()
          .setClientChangeValue(state.getValueRefunded().value)
          .setSignature(ByteString.copyFrom(signature));
      updates.add(TwoWayChannelMessage.newBuilder().setType(MessageType.UPDATE_PAYMENT).setUpdatePayment(update).build());
    }
    return updates;
  }

  private static double rate(int payments, long start) {
    return payments * 1e9 / (System.nanoTime() - start);
  }

  private final class Properties extends PaymentChannelClient.DefaultClientChannelProperties {
    @Override
    public VersionSelector versionSelector() {
      return row.get("version").getAsInt() == 1 ? VersionSelector.VERSION_1 : VersionSelector.VERSION_2;
    }
  }

  private static final class SilentHandler extends ServerConnectionEventHandler {
    @Override
    public void channelOpen(Sha256Hash contract) {}

    @Override
    public ListenableFuture<ByteString> paymentIncrease(Coin by, Coin to, ByteString info) {
      return null;
    }

    @Override
    public void channelClosed(CloseReason reason) {}
  }

  private record Silent(Consumer<TwoWayChannelMessage> send) implements PaymentChannelServer.ServerConnection {
    @Override
    public void sendToClient(TwoWayChannelMessage message) {
      send.accept(message);
    }

    @Override
    public void destroyConnection(CloseReason reason) {
      throw new IllegalStateException(reason.toString());
    }

    @Override
    public void channelOpen(Sha256Hash contract) {}

    @Override
    public ListenableFuture<ByteString> paymentIncrease(Coin by, Coin to, ByteString info) {
      return null;
    }

    @Override
    public ListenableFuture<KeyParameter> getUserKey() {
      return null;
    }
  }
}
