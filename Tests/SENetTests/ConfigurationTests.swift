import Foundation
import Testing

@testable import SENet

@Suite("A configuration")
struct ConfigurationTests {
    private func configuration(_ json: String) throws -> Configuration { try Configuration(json: Data(json.utf8)) }

    private func message(_ json: String) -> String {
        do {
            _ = try configuration(json)
        } catch ModelError.configuration(let text) {
            return text
        } catch {
            Issue.record("unexpected error \(error)")
        }
        return ""
    }

    @Test("takes what its architecture's name implies")
    func defaults() throws {
        let configuration = try configuration(#"{"architecture": "seresnext101_32x8d"}"#)
        #expect(configuration.architecture.layers == [3, 4, 23, 3])
        #expect(configuration.architecture.cardinality == 32)
        #expect(configuration.architecture.baseWidth == 8)
        #expect(configuration.classes == 1000)
        #expect(configuration.evaluation == Configuration.Evaluation())
    }

    @Test("takes the evaluation and the labels from pretrained_cfg")
    func evaluation() throws {
        let configuration = try configuration(
            """
            {"architecture": "seresnet50", "num_classes": 2, "pretrained_cfg": {"tag": "a1_in1k", "input_size": [3, 288, 224],
             "crop_pct": 0.95, "crop_mode": "squash", "interpolation": "bilinear", "mean": [0, 0.1, 0.2], "std": [1, 2, 3],
             "label_names": ["a", "b"], "label_descriptions": {"a": "first"}, "something_new": [1, {}]}}
            """)
        #expect(configuration.fullName == "seresnet50.a1_in1k")
        #expect(configuration.evaluation.height == 288 && configuration.evaluation.width == 224)
        #expect(configuration.evaluation.cropFraction == 0.95 && configuration.evaluation.cropMode == "squash")
        #expect(configuration.evaluation.mean == [0, 0.1, 0.2] && configuration.evaluation.standardDeviation == [1, 2, 3])
        #expect(configuration.labelNames == ["a", "b"] && configuration.labelDescriptions == ["a": "first"])
    }

    @Test("lets model_args override the name")
    func arguments() throws {
        let configuration = try configuration(
            """
            {"architecture": "resnet18", "model_args": {"layers": [1, 1], "channels": [32, 48], "stem_width": 16, "stem_type": "deep",
             "avg_down": true, "block_args": {"attn_layer": "se", "attn_kwargs": {"rd_ratio": 0.25, "rd_divisor": 4}}, "drop_rate": 0.1}}
            """)
        let architecture = configuration.architecture
        #expect(architecture.layers == [1, 1] && architecture.channels == [32, 48])
        #expect(architecture.stemWidth == 16 && architecture.stemType == .deep && architecture.averageDown)
        #expect(architecture.squeezeExcitation == SqueezeExcitation(.ratio(0.25, divisor: 4)))
        #expect(configuration.network.parameters.contains { $0.name == "layer2.0.se.fc1.weight" && $0.shape == [12, 48, 1, 1] })
        #expect(
            try self.configuration(#"{"architecture": "seresnet18", "model_args": {"block_args": {}}}"#).architecture.squeezeExcitation
                == nil)
    }

    @Test(
        "rounds a gate's hidden width to the nearest multiple of the divisor, as timm does",
        arguments: [(64, 8), (256, 16), (320, 24), (192, 16), (16, 8), (2048, 128), (72, 8), (200, 16)])
    func hiddenWidth(channels: Int, hidden: Int) {
        #expect(SqueezeExcitation(.ratio(1 / 16, divisor: 8)).gate(channels: channels).hidden == hidden)
    }

    @Test("that is wrong says what and where")
    func errors() {
        let cases: [(String, String)] = [
            ("", "JSON"),
            ("[]", "config.json"),
            ("{}", "architecture"),
            (#"{"architecture": "vit_base"}"#, "'vit_base' is not supported"),
            (#"{"architecture": "seresnet50", "num_classes": "many"}"#, "num_classes"),
            (#"{"architecture": "seresnet50", "num_classes": 0}"#, "num_classes"),
            (#"{"architecture": "seresnet50", "model_args": {"layers": [3, "x"]}}"#, "model_args.layers.[1]"),
            (#"{"architecture": "seresnet50", "model_args": {"layers": [3, 4]}}"#, "2 stages"),
            (#"{"architecture": "seresnet50", "model_args": {"layers": [3, 4, 6, 0]}}"#, "model_args.layers"),
            (#"{"architecture": "seresnet50", "model_args": {"channels": [-1, 1, 1, 1]}}"#, "model_args.channels"),
            (#"{"architecture": "seresnet50", "model_args": {"aa_layer": "median"}}"#, "aa_layer 'median' is not supported: '', 'avg'"),
            (#"{"architecture": "seresnet50", "model_args": {"act_layer": "gelu"}}"#, "act_layer 'gelu'"),
            (#"{"architecture": "seresnet50", "model_args": {"norm_layer": "frozen"}}"#, "model_args.norm_layer"),
            (#"{"architecture": "seresnet33ts", "model_args": {"layers": [1, 1, 1, 1]}}"#, "model_args.layers is not supported for this"),
            (#"{"architecture": "legacy_seresnet50", "model_args": {"se": {}}}"#, "model_args.se is not supported for this"),
            (#"{"architecture": "seresnet50", "model_args": {"down_kernel_size": 2}}"#, "down_kernel_size"),
            (#"{"architecture": "seresnet18", "model_args": {"block_reduce_first": 2}}"#, "block_reduce_first"),
            (#"{"architecture": "seresnet50", "model_args": {"se": {"reduction": 0}}}"#, "se.reduction must be from 1"),
            (#"{"architecture": "seresnet50", "model_args": {"se": {"reduction": 0.5}}}"#, "se.reduction must be from 1"),
            (#"{"architecture": "seresnet50", "model_args": {"se": {"reduction": "16"}}}"#, "model_args.se.reduction"),
            (
                #"{"architecture": "seresnet50", "model_args": {"se": {"squeeze": "median"}}}"#,
                "se.squeeze 'median' is not supported: 'avg'"
            ),
            (#"{"architecture": "seresnet50", "model_args": {"se": {"excitation": "silu"}}}"#, "se.excitation 'silu'"),
            (#"{"architecture": "seresnet50", "model_args": {"se": {"placement": "inside"}}}"#, "se.placement 'inside'"),
            (#"{"architecture": "seresnet18", "model_args": {"se": {"placement": "3x3"}}}"#, "'3x3' needs bottleneck blocks"),
            (#"{"architecture": "seresnet50", "model_args": {"se": {"stages": [1]}}}"#, "se.stages must be some of 2 to 5"),
            (#"{"architecture": "seresnet50", "model_args": {"se": {"stages": []}}}"#, "se.stages"),
            (#"{"architecture": "seresnet50", "model_args": {"se": {"ratio": 4}}}"#, "model_args.se.ratio: this key is not supported"),
            (#"{"architecture": "ecaresnet50d"}"#, "architecture 'ecaresnet50d' is not supported"),
            (#"{"architecture": "seresnet50", "model_args": {"block_args": {"attn_layer": "eca"}}}"#, "'eca' is not supported"),
            (#"{"architecture": "seresnet50", "model_args": {"block_args": {"width": 1}}}"#, "width"),
            (#"{"architecture": "seresnet50", "model_args": {"global_pool": "max"}}"#, "global_pool"),
            (#"{"architecture": "seresnet50", "model_args": {"output_stride": 8}}"#, "output_stride"),
            (#"{"architecture": "seresnet50", "model_args": {"stem_type": "odd"}}"#, "stem_type"),
            (#"{"architecture": "seresnet18", "model_args": {"cardinality": 32}}"#, "basic block"),
            (#"{"architecture": "resnet50", "model_args": {"attn_kwargs": {"rd_ratio": 0.5}}}"#, "no attention layer"),
            (#"{"architecture": "seresnet50", "model_args": {"attn_kwargs": {"rd_divisor": 0}}}"#, "rd_divisor"),
            (#"{"architecture": "seresnet50", "pretrained_cfg": {"input_size": [224, 224]}}"#, "input_size"),
            (#"{"architecture": "seresnet50", "pretrained_cfg": {"input_size": [3, 8, 8]}}"#, "input_size"),
            (#"{"architecture": "seresnet50", "pretrained_cfg": {"test_input_size": [3, 8, 8]}}"#, "test_input_size"),
            (#"{"architecture": "seresnet50", "pretrained_cfg": {"test_input_size": [224, 224]}}"#, "test_input_size"),
            (#"{"architecture": "seresnet50", "pretrained_cfg": {"test_crop_pct": 0}}"#, "test_crop_pct"),
            (#"{"architecture": "seresnet50", "pretrained_cfg": {"crop_pct": 0}}"#, "crop_pct"),
            (#"{"architecture": "seresnet50", "pretrained_cfg": {"std": [1, 0, 1]}}"#, "std"),
            (#"{"architecture": "seresnet50", "pretrained_cfg": {"mean": [1]}}"#, "mean"),
            (#"{"architecture": "seresnet50", "pretrained_cfg": {"label_names": ["a"]}}"#, "label_names has 1 entries for 1000 classes"),
        ]
        for (json, expected) in cases {
            let text = message(json)
            #expect(text.contains(expected), "\(json) gave: \(text)")
        }
    }

    @Test("makes a network that can be written as JSON and read back")
    func networkAsData() throws {
        let network = try Configuration(architecture: "seresnext26t_32x4d").network
        #expect(try JSONDecoder().decode(Network.self, from: JSONEncoder().encode(network)) == network)
    }
}
