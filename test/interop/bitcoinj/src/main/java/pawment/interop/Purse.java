package pawment.interop;

import com.google.common.collect.ImmutableList;
import java.io.File;
import java.io.FileInputStream;
import java.io.InputStream;
import java.math.BigInteger;
import java.util.concurrent.TimeUnit;
import org.bitcoinj.core.Block;
import org.bitcoinj.core.BlockChain;
import org.bitcoinj.core.NetworkParameters;
import org.bitcoinj.core.StoredBlock;
import org.bitcoinj.core.Transaction;
import org.bitcoinj.core.Utils;
import org.bitcoinj.crypto.ChildNumber;
import org.bitcoinj.protocols.channels.StoredPaymentChannelClientStates;
import org.bitcoinj.protocols.channels.StoredPaymentChannelServerStates;
import org.bitcoinj.script.Script;
import org.bitcoinj.utils.Threading;
import org.bitcoinj.wallet.DeterministicKeyChain;
import org.bitcoinj.wallet.DeterministicSeed;
import org.bitcoinj.wallet.KeyChainGroup;
import org.bitcoinj.wallet.Wallet;
import org.bitcoinj.wallet.WalletExtension;
import org.bitcoinj.wallet.WalletProtobufSerializer;

/** A wallet in a file, written at every change, with the channels of both roles in it. It hears of the chain only what it is told. */
final class Purse {
  private static final int KEYS_AHEAD = 3;

  final Wallet wallet;
  private Block tip;

  private Purse(Wallet wallet) {
    this.wallet = wallet;
    this.tip = wallet.getParams().getGenesisBlock();
  }

  /** Reads the wallet of `file`, or makes one from `seed` (hex) when there is none. Timers that are overdue fire once there is a node to ask. */
  static Purse open(NetworkParameters network, File file, String seed, Node node) throws Exception {
    Wallet wallet = file.exists() ? load(network, file) : create(network, seed);
    wallet.autosaveToFile(file, 0, TimeUnit.MILLISECONDS, null);
    wallet.saveToFile(file);
    StoredPaymentChannelClientStates.getFromWallet(wallet).setTransactionBroadcaster(node);
    ((StoredPaymentChannelServerStates) wallet.getExtensions().get(StoredPaymentChannelServerStates.class.getName())).setTransactionBroadcaster(node);
    wallet.addChangeEventListener(Threading.SAME_THREAD, any -> Line.event("wallet"));
    return new Purse(wallet);
  }

  private static Wallet load(NetworkParameters network, File file) throws Exception {
    WalletExtension[] extensions = {new StoredPaymentChannelClientStates(null), new StoredPaymentChannelServerStates(null)};
    try (InputStream in = new FileInputStream(file)) {
      return new WalletProtobufSerializer().readWallet(network, extensions, WalletProtobufSerializer.parseToProto(in));
    }
  }

  /** A new wallet in memory. */
  static Wallet create(NetworkParameters network, String seed) {
    DeterministicKeyChain chain = DeterministicKeyChain.builder()
        .seed(new DeterministicSeed(Utils.HEX.decode(seed), "", 0))
        .outputScriptType(Script.ScriptType.P2PKH)
        .accountPath(ImmutableList.of(ChildNumber.ZERO_HARDENED))
        .build();
    Wallet wallet = new Wallet(network, KeyChainGroup.builder(network).lookaheadSize(KEYS_AHEAD).addChain(chain).build());
    wallet.addExtension(new StoredPaymentChannelClientStates(wallet));
    wallet.addExtension(new StoredPaymentChannelServerStates(wallet));
    return wallet;
  }

  /** The wallet sees the transaction unconfirmed. */
  void see(Transaction transaction) throws Exception {
    wallet.receivePending(transaction, null, true);
  }

  /** The wallet sees `count` new blocks; the first holds the transaction, unless that is null. */
  void mine(int count, Transaction transaction) throws Exception {
    for (int i = 0; i < count; i++) {
      tip = tip.createNextBlock(wallet.currentChangeAddress());
      StoredBlock block = new StoredBlock(tip, BigInteger.ONE, wallet.getLastBlockSeenHeight() + 1);
      if (i == 0 && transaction != null) wallet.receiveFromBlock(transaction, block, BlockChain.NewBlockType.BEST_CHAIN, 0);
      wallet.notifyNewBestBlock(block);
    }
  }
}
